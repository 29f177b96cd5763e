package vault

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Why a photo is withheld from everybody.
const (
	withheldRecall  = "recall"  // it shows somebody else
	withheldConsent = "consent" // the patient withdrew the record, which took it out of review or release
)

const (
	reasonWithdrawn = "The patient has withdrawn consent to this photo in the record."
	reasonAllowed   = "The patient allows this photo in the record again. It is reviewed anew."
)

// redactedKinds are what is made by an approval.
var redactedKinds = []string{KindRedacted, KindRedactedThumb, KindRedactedDisplay}

// releasedKind is the kind of rendition that a purpose's copies have.
var releasedKind = map[string]string{purposeTeaching: KindReleasedTeaching, purposePublication: KindReleasedPublication}

// madeUnder lists the kinds of rendition that rest on the consent to a purpose.
func madeUnder(purpose string) []string {
	if purpose == purposeRecord {
		return redactedKinds
	}
	return []string{releasedKind[purpose]}
}

// withdraw is what follows from a patient's no.
func (t *tx) withdraw(ctx context.Context, patient PatientID, id PhotoID, purpose string) error {
	if purpose == purposeRecord {
		if err := t.withdrawRecord(ctx, id); err != nil {
			return err
		}
	} else if err := t.endReleases(ctx, id, purpose, causeWithdrawn); err != nil {
		return err
	}
	held, err := t.held(ctx, patient, id)
	if err != nil {
		return err
	}
	if held {
		t.detail("kept", "hold")
		return nil
	}
	return t.destroyMade(ctx, id, madeUnder(purpose)...)
}

// withdrawRecord takes a photo out of processing, review, release and charts.
func (t *tx) withdrawRecord(ctx context.Context, id PhotoID) error {
	if err := t.stopJob(ctx, JobProcess, string(id)); err != nil {
		return err
	}
	_, err := t.ExecContext(ctx, `UPDATE photos SET state = 'rejected', withheld = 'consent', reason = $1, version = version + 1,
		claimed_by = NULL, claimed_until = 0 WHERE id = $2 AND state IN ('in_review', 'approved')`, reasonWithdrawn, id)
	if err != nil {
		return fmt.Errorf("withholding photo: %w", err)
	}
	asked, err := t.retractAttachments(ctx, onePhoto(id), causeWithdrawn)
	if err != nil {
		return err
	}
	t.detail("retracting", fmt.Sprint(asked))
	return nil
}

// resume is what follows from a patient's yes: a photo that the withdrawal stopped goes on where it can, which is before
// its review. For the other purposes somebody has to release it anew.
func (t *tx) resume(ctx context.Context, id PhotoID, purpose string) error {
	if purpose != purposeRecord {
		return nil
	}
	_, err := t.ExecContext(ctx, `UPDATE photos SET state = 'in_review', withheld = '', reason = $1, version = version + 1
		WHERE id = $2 AND withheld = 'consent'`, reasonAllowed, id)
	if err != nil {
		return fmt.Errorf("reopening photo: %w", err)
	}
	var waiting int64
	err = t.QueryRowContext(ctx, `SELECT count(*) FROM photos WHERE id = $1 AND state = 'accepted' AND withheld = ''`, id).Scan(&waiting)
	if err != nil {
		return fmt.Errorf("reading photo: %w", err)
	}
	if waiting == 0 {
		return nil
	}
	return t.enqueue(ctx, JobProcess, string(id), t.now)
}

// destroyMade destroys the keys of a photo's renditions of some kinds, and has the objects deleted.
func (t *tx) destroyMade(ctx context.Context, id PhotoID, kinds ...string) error {
	marks := make([]string, len(kinds))
	args := []any{id}
	for i, k := range kinds {
		marks[i] = fmt.Sprintf("$%d", i+2)
		args = append(args, k)
	}
	where := ` WHERE photo = $1 AND wrapped_key IS NOT NULL AND kind IN (` + strings.Join(marks, ",") + `)`
	blobs, err := list(ctx, t, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) },
		`SELECT blob FROM renditions`+where+` ORDER BY id`, args...)
	if err != nil {
		return fmt.Errorf("reading renditions: %w", err)
	}
	_, err = t.ExecContext(ctx, `UPDATE renditions SET wrapped_key = NULL, destroyed_at = `+fmt.Sprint(t.now)+where, args...)
	if err != nil {
		return fmt.Errorf("destroying keys: %w", err)
	}
	for _, blob := range slices.Compact(blobs) {
		if err := t.enqueue(ctx, jobDeleteBlob, blob, t.now); err != nil {
			return err
		}
	}
	t.detail("keys_destroyed", fmt.Sprint(len(blobs)))
	return nil
}

// destroyWithdrawn destroys what a legal hold has kept although the patient withdrew consent to it, its release ended, or the
// photo was recalled.
func (t *tx) destroyWithdrawn(ctx context.Context, id PhotoID) error {
	c, err := consentOf(ctx, t, id)
	if err != nil {
		return err
	}
	var withheld string
	if err := t.QueryRowContext(ctx, `SELECT withheld FROM photos WHERE id = $1`, id).Scan(&withheld); err != nil {
		return fmt.Errorf("reading photo: %w", err)
	}
	released, err := list(ctx, t, func(rows *sql.Rows) (purpose string, err error) { return purpose, rows.Scan(&purpose) },
		`SELECT DISTINCT purpose FROM releases WHERE photo = $1 AND ended_at IS NULL`, id)
	if err != nil {
		return fmt.Errorf("reading releases: %w", err)
	}
	var kinds []string
	for _, purpose := range Purposes() {
		ended := purpose != purposeRecord && !slices.Contains(released, purpose)
		if !c.allows(purpose) || ended || withheld == withheldRecall {
			kinds = append(kinds, madeUnder(purpose)...)
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	return t.destroyMade(ctx, id, kinds...)
}
