package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/clinivault/clinivault/vault/seal"
)

// keptKinds are the renditions that move with a photo: what an approval or a release made does not.
var keptKinds = []string{KindOriginal, KindThumb, KindDisplay, KindCoveredThumb, KindCoveredDisplay}

// mover seals the pictures of a photo for another patient, and then moves the photo.
type mover struct {
	v       *Vault
	kinds   []string // of renditions that move
	version int64    // the photo's, as it was read
	old     []rendition
	keys    []seal.Key
	made    []rendition
}

func (m *mover) wipe() {
	for i := range m.keys {
		m.keys[i].Wipe()
	}
	wipe(m.made)
}

// read finds the pictures that move. A photo that is not processed yet has none: its envelope stays as it is.
func (m *mover) read(ctx context.Context, t *tx, r recallRow) error {
	*m = mover{v: m.v, kinds: m.kinds}
	if err := t.QueryRowContext(ctx, `SELECT version FROM photos WHERE id = $1`, r.photo).Scan(&m.version); err != nil {
		return fmt.Errorf("reading photo: %w", absent(err))
	}
	for _, kind := range m.kinds {
		old, key, err := m.v.findRendition(ctx, t, r.photo, kind)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		m.old, m.keys = append(m.old, old), append(m.keys, key)
		m.made = append(m.made, rendition{photo: r.photo, patient: r.to, kind: kind, version: m.version + 1, mediaType: old.mediaType,
			width: old.width, height: old.height})
	}
	return nil
}

// reseal opens each picture, which checks it, and makes it durable for the other patient.
func (m *mover) reseal(ctx context.Context, a Actor) error {
	for i, old := range m.old {
		p, err := m.v.openRendition(ctx, a, old, m.keys[i])
		if err != nil {
			return err
		}
		m.made[i], err = m.v.storePicture(ctx, m.made[i], p.Bytes)
		clear(p.Bytes)
		if err != nil {
			return err
		}
	}
	return nil
}

// move files a photo under the right patient: what is sealed under the old patient's key is sealed under the new one's, the
// old objects' keys are destroyed, and each patient's trail has its event.
func (m *mover) move(ctx context.Context, t *tx, a Actor, r recallRow) error {
	if err := t.unship(ctx, r); err != nil {
		return err
	}
	if err := t.destroyMade(ctx, r.photo, keptKinds...); err != nil {
		return err
	}
	if err := m.refile(ctx, t, r); err != nil {
		return err
	}
	if err := insertRenditions(ctx, t, m.made); err != nil {
		return err
	}
	if err := t.rekeyPhoto(ctx, r); err != nil {
		return err
	}
	if err := t.enqueueWaiting(ctx, r.photo); err != nil {
		return err
	}
	if err := t.endRecall(ctx, a, r, "moved"); err != nil {
		return err
	}
	return t.tellReceiver(ctx, r)
}

// refile writes under whom the photo is filed now. It is reviewed anew, unless the record was withdrawn: then it is withheld
// until the patient allows it again.
func (m *mover) refile(ctx context.Context, t *tx, r recallRow) error {
	c, err := consentOf(ctx, t, r.photo)
	if err != nil {
		return err
	}
	next, withheld, reason := StateInReview, "", "Moved from another patient. It is reviewed anew."
	if !c.Record {
		next, withheld, reason = StateRejected, withheldConsent, reasonWithdrawn
	}
	err = exactlyOne(ctx, t, "moving photo", `UPDATE photos SET patient = $1, encounter = NULL, version = version + 1, reason = $2,
		state = CASE WHEN state IN ('in_review', 'approved', 'rejected') AND $3 > 0 THEN $4 ELSE state END,
		withheld = CASE WHEN state IN ('in_review', 'approved', 'rejected') AND $3 > 0 THEN $5 ELSE '' END,
		claimed_by = NULL, claimed_until = 0 WHERE id = $6 AND version = $7 AND state <> 'erased'`,
		r.to, reason, len(m.made), next, withheld, r.photo, m.version)
	if errors.Is(err, ErrConflict) {
		return say(ErrConflict, "The photo has changed meanwhile. Look at it again, then sign.")
	}
	return err
}

// enqueueWaiting has a photo processed that a recall had stopped before.
func (t *tx) enqueueWaiting(ctx context.Context, id PhotoID) error {
	err := holds(ctx, t, `SELECT count(*) FROM photos WHERE id = $1 AND state = 'accepted'`, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := consentOf(ctx, t, id)
	if err != nil || !c.Record {
		return err
	}
	return t.enqueue(ctx, JobProcess, string(id), t.now)
}

// tellReceiver writes the event that the right patient's trail shows. The act's own shows in that of the patient under whom
// the photo was filed.
func (t *tx) tellReceiver(ctx context.Context, r recallRow) error {
	own := t.entry
	if err := t.patient(ctx, r.to); err != nil {
		return err
	}
	e := t.entry
	t.entry = own
	e.Act = string(actRecallTo)
	e.Detail = map[string]string{"recall": string(r.id)}
	return t.event(ctx, e)
}

// movedValue is one sealed text of a photo, with the column it is in.
type movedValue struct {
	table, column, id string
	sealed            []byte
}

// rekeyPhoto seals what hangs on a photo under the patient it is filed under now.
func (t *tx) rekeyPhoto(ctx context.Context, r recallRow) error {
	from, err := t.v.patientKey(ctx, t, r.from)
	if err != nil {
		return err
	}
	defer from.Wipe()
	to, err := t.v.patientKey(ctx, t, r.to)
	if err != nil {
		return err
	}
	defer to.Wipe()
	values, err := list(ctx, t, func(rows *sql.Rows) (s movedValue, err error) {
		return s, rows.Scan(&s.table, &s.column, &s.id, &s.sealed)
	}, `SELECT 'photos', 'sealed_facts', id, sealed_facts FROM photos WHERE id = $1
		UNION ALL SELECT 'reveals', 'sealed_reason', id, sealed_reason FROM reveals WHERE photo = $1
		UNION ALL SELECT 'reviews', 'sealed_salt', id, sealed_salt FROM reviews WHERE photo = $1 AND sealed_salt IS NOT NULL
		UNION ALL SELECT 'words', 'sealed', id, sealed FROM words WHERE photo = $1`, r.photo)
	if err != nil {
		return fmt.Errorf("reading sealed values: %w", err)
	}
	for _, s := range values {
		plain, err := seal.OpenSmall(from, s.sealed, t.sealedAAD(s, r.photo, r.from))
		if err != nil {
			return fmt.Errorf("%w: %s of %s: %w", ErrIntegrity, s.column, s.table, err)
		}
		sealed := seal.SealSmall(to, plain, t.sealedAAD(s, r.photo, r.to))
		clear(plain)
		err = exactlyOne(ctx, t, "sealing for the right patient", `UPDATE `+s.table+` SET `+s.column+` = $1 WHERE id = $2`, sealed, s.id)
		if err != nil {
			return err
		}
	}
	return t.changes(ctx, "moving words", change{`UPDATE words SET patient = $1 WHERE photo = $2`, []any{r.to, r.photo}})
}

// sealedAAD is what a sealed text of a photo is bound to.
func (t *tx) sealedAAD(s movedValue, photo PhotoID, patient PatientID) []byte {
	switch s.table {
	case "photos":
		return t.v.factsAAD(patient, photo)
	case "reveals":
		return t.v.revealAAD(patient, s.id)
	case "reviews":
		return t.v.saltAAD(photo, s.id)
	}
	return t.v.wordsAAD(patient, s.id)
}
