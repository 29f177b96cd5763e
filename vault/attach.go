package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Attachment is the delivery of an approved photo to one chart. It is attached only after the receiver's copy was
// fetched and compared. Link is where the receiver keeps it, if it said so.
type Attachment struct {
	ID          AttachmentID `json:"id"`
	Photo       PhotoID      `json:"photo"`
	Version     int64        `json:"version"` // the photo's when it was asked for; below the photo's: history
	Target      string       `json:"target"`  // fhir, dicom
	State       string       `json:"state"`   // pending, attached, failed, retracting, retracted, unreached
	LastError   string       `json:"last_error"`
	RequestedAt Time         `json:"requested_at"`
	AttachedAt  Time         `json:"attached_at"`
	Link        string       `json:"link"`
	Cause       string       `json:"cause"`        // of a retraction: withdrawn, erased, recalled
	How         string       `json:"how"`          // it was retracted: entered-in-error, deleted, rejection-note, never-sent
	RetractedAt Time         `json:"retracted_at"` // proved by reading back
}

// The states of an attachment.
const (
	AttachmentPending    = "pending"
	AttachmentAttached   = "attached"
	AttachmentFailed     = "failed"
	AttachmentRetracting = "retracting" // the receiver is being asked to take it back
	AttachmentRetracted  = "retracted"  // and has: it was read back
	AttachmentUnreached  = "unreached"  // it could not be asked, or did not do it
)

// ApprovedFilter narrows ApprovedPhotos; empty fields do not. Query is the start of a record number or a part of a
// name. Attached keeps photos that are, or are not, in every configured chart.
type ApprovedFilter struct {
	Patient   PatientID
	Encounter EncounterID
	Query     string
	Attached  *bool
}

const maxApproved = 200 // photos in one answer

// attachmentsOf reads the attachments of a photo, by target, newest version first.
func attachmentsOf(ctx context.Context, t querier, id PhotoID) ([]Attachment, error) {
	out, err := list(ctx, t, func(rows *sql.Rows) (Attachment, error) {
		x := Attachment{Photo: id}
		var progress string
		if err := rows.Scan(&x.ID, &x.Version, &x.Target, &x.State, &progress, &x.LastError, &x.RequestedAt, &x.AttachedAt,
			&x.Cause, &x.How, &x.RetractedAt); err != nil {
			return x, err
		}
		var told struct {
			Link string `json:"link"`
		}
		if json.Unmarshal([]byte(progress), &told) == nil {
			x.Link = told.Link
		}
		return x, nil
	}, `SELECT id, version, target, state, progress, last_error, requested_at, coalesce(attached_at, 0), retract_cause, retract_how,
		coalesce(retracted_at, 0) FROM attachments WHERE photo = $1 ORDER BY target, version DESC`, id)
	if err != nil {
		return nil, fmt.Errorf("reading attachments: %w", err)
	}
	return out, nil
}

// ApprovedPhotos lists released photos for records, newest first, at most 200. Errors: ErrInvalid, ErrDenied.
func (v *Vault) ApprovedPhotos(ctx context.Context, a Actor, f ApprovedFilter) ([]Photo, error) {
	query := strings.TrimSpace(f.Query)
	var out []Photo
	err := v.do(ctx, a, actApprovedPhotos, object{Kind: "photo"}, func(t *tx) error {
		if query != "" && !isLine(query, maxQuery) {
			return say(ErrInvalid, "Search by a name or a record number.")
		}
		for _, id := range []string{string(f.Patient), string(f.Encounter)} {
			if shape(id) != id { // and a database need not take every byte
				return say(ErrInvalid, "That is not the number of a patient or of a visit.")
			}
		}
		where, args := f.where(query)
		found, err := v.album(t, a).read(ctx, photoColumns+where, args...)
		if err != nil {
			return err
		}
		out = []Photo{}
		for _, p := range found {
			if len(out) < maxApproved && (f.Attached == nil || *f.Attached == v.inEveryChart(p)) {
				out = append(out, p)
			}
		}
		t.detail("found", fmt.Sprint(len(out)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (f ApprovedFilter) where(query string) (string, []any) {
	where, args := `WHERE f.state = 'approved' AND p.erased_at IS NULL AND `+forRecordsSQL, []any{}
	add := func(condition string, value any) {
		args = append(args, value)
		where += fmt.Sprintf(condition, len(args))
	}
	if f.Patient != "" {
		add(` AND f.patient = $%d`, f.Patient)
	}
	if f.Encounter != "" {
		add(` AND f.encounter = $%d`, f.Encounter)
	}
	if query != "" {
		add(` AND (lower(p.record_number) LIKE $%d ESCAPE '!'`, like(strings.ToLower(query))+"%")
		name := "" // nothing but marks: no name is like it
		if plain := searchForm(query); plain != "" {
			name = "%" + like(plain) + "%"
		}
		add(` OR p.name_search LIKE $%d ESCAPE '!')`, name)
	}
	limit := maxApproved
	if f.Attached != nil {
		limit *= 5 // some of these are dropped afterwards
	}
	return where + fmt.Sprintf(` ORDER BY f.taken_at DESC, f.id LIMIT %d`, limit), args
}

func (v *Vault) inEveryChart(p Photo) bool {
	return len(v.cfg.ChartTargets) > 0 && !slices.ContainsFunc(v.cfg.ChartTargets, func(target string) bool {
		return !slices.ContainsFunc(p.Attachments, func(x Attachment) bool {
			return x.Target == target && x.Version == p.Version && x.State == AttachmentAttached
		})
	})
}

// Attach asks for an approved photo to be put into charts: the targets named, or all configured ones. Asking again
// changes nothing, so a photo never gets two entries; failed ones are tried anew by RetryAttachment. Errors:
// ErrNotFound, ErrInvalid for a target that is not configured, ErrConflict when the patient does not allow it.
func (v *Vault) Attach(ctx context.Context, a Actor, id PhotoID, targets []string) ([]Attachment, error) {
	if len(targets) == 0 {
		targets = v.cfg.ChartTargets
	}
	var out []Attachment
	err := v.do(ctx, a, actAttach, onPhoto(id), func(t *tx) error {
		if len(targets) == 0 {
			return say(ErrInvalid, "No chart is configured.")
		}
		for _, target := range targets {
			if !slices.Contains(v.cfg.ChartTargets, target) {
				return say(ErrInvalid, "This chart is not configured.")
			}
		}
		if err := mayBeRecorded(ctx, t, id); err != nil {
			return err
		}
		for _, target := range targets {
			if err := attachTo(ctx, t, a, id, target); err != nil {
				return err
			}
		}
		t.purpose(purposeRecord)
		t.detail("targets", strings.Join(targets, ","))
		var err error
		out, err = attachmentsOf(ctx, t, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// mayBeRecorded asks for the patient's consent as it is now.
func mayBeRecorded(ctx context.Context, t *tx, id PhotoID) error {
	c, err := consentOf(ctx, t, id)
	if err == nil && !c.Record {
		err = say(ErrConflict, "The patient does not allow this photo in the record.")
	}
	return err
}

func attachTo(ctx context.Context, t *tx, a Actor, id PhotoID, target string) error {
	x := AttachmentID(newID())
	res, err := t.ExecContext(ctx, `INSERT INTO attachments (id, photo, version, target, state, requested_by, requested_at)
		SELECT $1, id, version, $2, 'pending', $3, $4 FROM photos WHERE id = $5
		ON CONFLICT (photo, version, target) DO NOTHING`, x, target, a.person, t.now, id)
	asked := errors.New("asked before")
	switch err := oneRow(res, err, asked); {
	case err == asked:
		return nil
	case err != nil:
		return fmt.Errorf("asking for attachment: %w", err)
	}
	return t.enqueue(ctx, JobDeliver, string(x), t.now)
}

// Attachments lists a photo's attachments: for records, and for the care team. Errors: ErrNotFound, ErrDenied.
func (v *Vault) Attachments(ctx context.Context, a Actor, id PhotoID) ([]Attachment, error) {
	var out []Attachment
	err := v.do(ctx, a, actAttachments, onPhoto(id), func(t *tx) (err error) {
		out, err = attachmentsOf(ctx, t, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RetryAttachment has a failed attachment tried anew, from where it stopped. Errors: ErrNotFound, ErrConflict when it
// has not failed or the photo was approved anew since.
func (v *Vault) RetryAttachment(ctx context.Context, a Actor, id AttachmentID) error {
	var photo PhotoID
	err := v.db.QueryRowContext(ctx, `SELECT photo FROM attachments WHERE id = $1`, id).Scan(&photo)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return dbError(fmt.Errorf("finding attachment: %w", err))
	}
	on := object{Kind: "attachment", ID: string(id), Photo: photo}
	return v.do(ctx, a, actRetryAttach, on, func(t *tx) error {
		if err := mayBeRecorded(ctx, t, photo); err != nil {
			return err
		}
		err := exactlyOne(ctx, t, "retrying attachment", `UPDATE attachments SET state = 'pending', last_error = ''
			WHERE id = $1 AND state = 'failed' AND version = (SELECT version FROM photos WHERE id = $2)`, id, photo)
		if err != nil {
			return err
		}
		return t.enqueue(ctx, JobDeliver, string(id), t.now)
	})
}
