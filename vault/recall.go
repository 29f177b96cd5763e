package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const reasonRecalled = "Recalled: the photo shows another patient."

// Recall takes back a photo that was filed under the wrong patient. Two people decide it; then in one act the photo moves
// to the right patient, or, where that one is not known, is shown to nobody any more. Copies in charts are retracted.
type Recall struct {
	ID           RecallID  `json:"id"`
	Photo        PhotoID   `json:"photo"`
	From         PatientID `json:"from"` // under whom it was filed
	FromName     string    `json:"from_name"`
	FromNumber   string    `json:"from_number"`
	To           PatientID `json:"to"` // empty: not known
	ToName       string    `json:"to_name"`
	ToNumber     string    `json:"to_number"`
	State        string    `json:"state"` // asked, cancelled, moved, retracted
	Reason       string    `json:"reason"`
	AskedBy      PersonID  `json:"asked_by"`
	AskedByName  string    `json:"asked_by_name"`
	AskedAt      Time      `json:"asked_at"`
	SignedBy     PersonID  `json:"signed_by"`
	SignedByName string    `json:"signed_by_name"`
	EndedAt      Time      `json:"ended_at"` // signed or cancelled
}

// String keeps names and reasons out of logs.
func (Recall) String() string { return "[redacted]" }

// GoString keeps names and reasons out of logs.
func (Recall) GoString() string { return "[redacted]" }

// AskRecall says that a photo shows another patient than the one it is filed under: to, or an unknown one when to is
// empty, with a reason of 3 to 500 characters. A second person signs. Errors: ErrInvalid, also for a right patient that is
// unknown or the same, ErrNotFound, ErrDenied, ErrConflict when it was asked for already or is erased.
func (v *Vault) AskRecall(ctx context.Context, a Actor, photo PhotoID, to PatientID, reason string) (RecallID, error) {
	id := RecallID(newID())
	err := v.do(ctx, a, actAskRecall, onPhoto(photo), func(t *tx) error {
		if err := checkReason(reason); err != nil {
			return err
		}
		from, err := photoPatient(ctx, t, photo)
		if err != nil {
			return err
		}
		if err := rightPatient(ctx, t, from, to); err != nil {
			return err
		}
		var open int64
		err = t.QueryRowContext(ctx, `SELECT count(*) FROM recalls WHERE photo = $1 AND state = 'asked'`, photo).Scan(&open)
		if err != nil {
			return fmt.Errorf("reading recalls: %w", err)
		}
		if open > 0 {
			return say(ErrConflict, "A recall of this photo was asked for already and waits for a second person.")
		}
		words, err := t.keepWords(ctx, from, photo, reason)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `INSERT INTO recalls (id, photo, from_patient, to_patient, state, reason, asked_by, asked_at)
			VALUES ($1, $2, $3, nullif($4, ''), 'asked', $5, $6, $7)`, id, photo, from, to, words, a.person, t.now)
		if err != nil {
			return fmt.Errorf("asking for recall: %w", err)
		}
		t.detail("recall", string(id))
		t.detail("right_patient", yesNo(to != ""))
		return t.notify(ctx, noticeSignRecall, toHolders(RolePrivacy, a.person), toHolders(RoleRecords, a.person))
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// rightPatient checks whom a photo is to be moved to.
func rightPatient(ctx context.Context, t *tx, from, to PatientID) error {
	if to == "" {
		return nil
	}
	if to == from {
		return say(ErrInvalid, "The photo is filed under this patient already.")
	}
	err := patientExists(ctx, t, to)
	if errors.Is(err, ErrNotFound) {
		return say(ErrInvalid, "The right patient is not known to the vault.")
	}
	return err
}

// recallRow is a recall as the acts on it need it.
type recallRow struct {
	id       RecallID
	photo    PhotoID
	from, to PatientID
	state    string
	askedBy  PersonID
}

func (r recallRow) on() object {
	return object{Kind: "recall", ID: string(r.id), Patient: r.from, Photo: r.photo}
}

func readRecall(ctx context.Context, q querier, id RecallID) (recallRow, error) {
	r := recallRow{id: id}
	err := q.QueryRowContext(ctx, `SELECT photo, from_patient, coalesce(to_patient, ''), state, asked_by FROM recalls WHERE id = $1`, id).
		Scan(&r.photo, &r.from, &r.to, &r.state, &r.askedBy)
	if err != nil {
		return recallRow{}, fmt.Errorf("reading recall: %w", absent(err))
	}
	return r, nil
}

// recallObject finds out what a recall is about, for the deciding; of an unknown one it names nothing.
func (v *Vault) recallObject(ctx context.Context, id RecallID) (recallRow, error) {
	r, err := readRecall(ctx, v.db, id)
	if errors.Is(err, ErrNotFound) {
		return recallRow{id: id}, nil
	}
	return r, dbError(err)
}

// openRecall reads a recall that waits for its second person.
func openRecall(ctx context.Context, t *tx, id RecallID) (recallRow, error) {
	r, err := readRecall(ctx, t, id)
	if err == nil && r.state != "asked" {
		err = say(ErrConflict, "This recall is no longer a request: it was signed or cancelled.")
	}
	return r, err
}

// CancelRecall takes back a request that nobody has signed. Errors: ErrNotFound, ErrDenied, ErrConflict.
func (v *Vault) CancelRecall(ctx context.Context, a Actor, id RecallID) error {
	r, err := v.recallObject(ctx, id)
	if err != nil {
		return err
	}
	return v.do(ctx, a, actCancelRecall, r.on(), func(t *tx) error {
		if _, err := openRecall(ctx, t, id); err != nil {
			return err
		}
		return exactlyOne(ctx, t, "cancelling recall", `UPDATE recalls SET state = 'cancelled', ended_at = $1 WHERE id = $2 AND state = 'asked'`,
			t.now, id)
	})
}

// Recalls lists the recalls, those that wait for a second person first, then the newest, at most 500. Errors: ErrDenied.
func (v *Vault) Recalls(ctx context.Context, a Actor) ([]Recall, error) {
	var out []Recall
	err := v.do(ctx, a, actRecalls, object{Kind: "recall"}, func(t *tx) (err error) {
		out, err = list(ctx, t, func(rows *sql.Rows) (r Recall, err error) {
			return r, rows.Scan(&r.ID, &r.Photo, &r.From, &r.FromName, &r.FromNumber, &r.To, &r.ToName, &r.ToNumber, &r.State, &r.Reason,
				&r.AskedBy, &r.AskedByName, &r.AskedAt, &r.SignedBy, &r.SignedByName, &r.EndedAt)
		}, `SELECT r.id, r.photo, r.from_patient, f.name, CASE WHEN f.erased_at IS NULL THEN f.record_number ELSE '' END,
			coalesce(r.to_patient, ''), coalesce(p.name, ''), CASE WHEN p.erased_at IS NULL THEN coalesce(p.record_number, '') ELSE '' END,
			r.state, r.reason, r.asked_by, u.name, r.asked_at, coalesce(r.signed_by, ''), coalesce(s.name, ''), coalesce(r.ended_at, 0)
			FROM recalls r JOIN patients f ON f.id = r.from_patient LEFT JOIN patients p ON p.id = r.to_patient
			JOIN people u ON u.id = r.asked_by LEFT JOIN people s ON s.id = r.signed_by
			ORDER BY CASE WHEN r.state = 'asked' THEN 0 ELSE 1 END, r.asked_at DESC, r.id LIMIT 500`)
		if err != nil {
			return fmt.Errorf("reading recalls: %w", err)
		}
		for i := range out {
			if out[i].Reason, err = t.readWords(ctx, out[i].Reason); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SignRecall is the second person's word. Where the right patient is known, every picture is first sealed anew for them,
// durable, and then one transaction moves the photo: to be reviewed and attached anew, since its approval said whose it
// was. Otherwise the photo is withheld from everybody. Either way its copies in charts are retracted, its redacted and
// released copies destroyed (kept, and refused, under a legal hold), and whoever reviews or delivers it is stopped; both
// patients' trails tell of a move. Errors: ErrNotFound, ErrDenied for one's own request, ErrConflict when it is no longer
// asked for, the photo has changed meanwhile, or a legal hold forbids to move it, ErrIntegrity, ErrUnavailable.
func (v *Vault) SignRecall(ctx context.Context, a Actor, id RecallID) error {
	r, err := v.recallObject(ctx, id)
	if err != nil {
		return err
	}
	m := mover{v: v, kinds: keptKinds}
	err = v.quietly(ctx, a, actSignRecall, r.on(), func(t *tx) error {
		var err error
		if r, err = t.signable(ctx, a, id); err != nil || r.to == "" {
			return err
		}
		return m.read(ctx, t, r)
	})
	if err != nil {
		return err
	}
	defer m.wipe()
	if err := m.reseal(ctx, a); err != nil {
		return err
	}
	return v.do(ctx, a, actSignRecall, r.on(), func(t *tx) error {
		now, err := t.signable(ctx, a, id)
		if err != nil {
			return err
		}
		t.detail("recall", string(id))
		t.detail("asked_by", string(now.askedBy))
		if now.to == "" {
			return t.withholdRecalled(ctx, a, now)
		}
		return m.move(ctx, t, a, now)
	})
}

// signable reads a recall that the actor may sign now.
func (t *tx) signable(ctx context.Context, a Actor, id RecallID) (recallRow, error) {
	r, err := openRecall(ctx, t, id)
	if err != nil {
		return r, err
	}
	if r.askedBy == a.person {
		return r, say(ErrDenied, "You have asked for this yourself. A second person signs the recall.")
	}
	of, err := photoPatient(ctx, t, r.photo)
	if err != nil {
		return r, err
	}
	if of != r.from {
		return r, say(ErrConflict, "The photo is filed under another patient by now.")
	}
	if err := rightPatient(ctx, t, r.from, r.to); err != nil || r.to == "" {
		return r, err
	}
	held, err := t.held(ctx, r.from, r.photo)
	if err == nil && held {
		err = say(ErrConflict, "A legal hold lies on the photo or its patient, so it cannot be moved. Have the hold lifted, or recall it without a right patient.")
	}
	return r, err
}

// withholdRecalled shows a photo to nobody any more.
func (t *tx) withholdRecalled(ctx context.Context, a Actor, r recallRow) error {
	if err := t.stopJob(ctx, JobProcess, string(r.photo)); err != nil {
		return err
	}
	if err := t.unship(ctx, r); err != nil {
		return err
	}
	err := exactlyOne(ctx, t, "withholding photo", `UPDATE photos SET state = CASE WHEN state IN ('accepted', 'quarantined') THEN state
		ELSE 'rejected' END, withheld = 'recall', reason = $1, version = version + 1, encounter = NULL, claimed_by = NULL, claimed_until = 0
		WHERE id = $2 AND state <> 'erased'`, reasonRecalled, r.photo)
	if err != nil {
		return err
	}
	return t.endRecall(ctx, a, r, "retracted")
}

// unship takes back what was made of a photo for others: copies in charts, released copies, redacted pictures.
func (t *tx) unship(ctx context.Context, r recallRow) error {
	asked, err := t.retractAttachments(ctx, onePhoto(r.photo), causeRecalled)
	if err != nil {
		return err
	}
	t.detail("retracting", fmt.Sprint(asked))
	if err := t.endReleases(ctx, r.photo, "", causeRecalled); err != nil {
		return err
	}
	held, err := t.held(ctx, r.from, r.photo)
	if err != nil {
		return err
	}
	if held {
		t.detail("kept", "hold")
		return nil
	}
	return t.destroyMade(ctx, r.photo, append(append([]string{}, redactedKinds...), KindReleasedTeaching, KindReleasedPublication)...)
}

func (t *tx) endRecall(ctx context.Context, a Actor, r recallRow, state string) error {
	t.detail("state", state)
	return exactlyOne(ctx, t, "ending recall", `UPDATE recalls SET state = $1, signed_by = $2, ended_at = $3 WHERE id = $4 AND state = 'asked'`,
		state, a.person, t.now, r.id)
}
