package vault

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"
)

// Rotation replaces a key by a fresh one while the vault is in use. What is
// wrapped or sealed below a key is done anew under its successor in small
// transactions, each of which leaves everything readable, so it may be stopped
// at any point and goes on where it was when it is asked for again:
//
//	root                       every patient key, epoch key and secret of an authenticator app is unwrapped and wrapped anew; objects stay
//	patient, patients          everything under a patient's key is sealed anew in one transaction
//	intake                     a new epoch; the old one opens what is queued, and is destroyed later
//	receipt, certificate, log  a new epoch signs; the old private half is destroyed, its public half stays published
//	device                     the same; certificates of the old epoch count until they end
//
// Nodes learn of it from the database at their next act. A root key in a file
// reaches the other nodes when the operator brings the file; until then they
// answer ErrUnavailable for what is wrapped under the new version.

// The kinds of key that can be rotated.
const (
	RotateRoot        = "root"
	RotateIntake      = keyIntake
	RotateReceipt     = keyReceipt
	RotateCertificate = keyCertificate
	RotateLog         = keyLog
	RotateDevice      = keyDevice // the authority for certificates of devices
	RotatePush        = keyPush
	RotatePatients    = "patients" // the keys of all patients
	RotatePatient     = "patient"  // the key of one
)

// Rotation asks for one. Progress, which may be nil, is called now and then
// from the goroutine that called.
type Rotation struct {
	Kind     string
	Patient  PatientID // for RotatePatient
	Progress func(RotationProgress)
}

// RotationProgress is how far a rotation has come. Left counts what does not
// open and was left as it is.
type RotationProgress struct {
	Kind              string
	Done, Total, Left int64
	Resumed           bool // it goes on with one that was begun before
}

// RotateKeys replaces a key while the vault is in use; see Rotation. It returns
// what was done when all of it is. Errors: ErrInvalid for a kind that does not
// exist, ErrConflict when another process is faster, ErrIntegrity when something
// under the key does not open (it is left as it is, and everything else done),
// ErrUnavailable; after an error asking again goes on.
func (v *Vault) RotateKeys(ctx context.Context, a Actor, r Rotation) (RotationProgress, error) {
	if r.Progress == nil {
		r.Progress = func(RotationProgress) {}
	}
	switch r.Kind {
	case RotateRoot:
		return v.rotateRoot(ctx, a, r.Progress)
	case RotateIntake, RotateReceipt, RotateCertificate, RotateLog, RotateDevice:
		return v.rotateEpoch(ctx, a, r.Kind)
	case RotatePush:
		return v.rotatePush(ctx, a)
	case RotatePatients:
		return v.rotatePatients(ctx, a, r.Progress)
	case RotatePatient:
		err := v.rotatePatient(ctx, a, r.Patient, "")
		return RotationProgress{Kind: r.Kind, Done: 1, Total: 1}, err
	}
	return RotationProgress{}, v.quietly(ctx, a, actRotateKey, object{Kind: "key"}, func(*tx) error {
		return say(ErrInvalid, "There is no such kind of key.")
	})
}

// work is an open row of key_rotations.
type work struct {
	id       string
	kind     string
	from, to uint32
	total    int64
	done     int64
	last     string
	resumed  bool
}

func (w work) progress() RotationProgress {
	return RotationProgress{Kind: w.kind, Done: w.done, Total: w.total, Resumed: w.resumed}
}

const workColumns = `SELECT id, kind, from_version, to_version, total, done, last FROM key_rotations `

// beginWork finds the open work of a kind or begins it; fresh says what it is.
func (v *Vault) beginWork(ctx context.Context, a Actor, kind string, fresh func(t *tx) (work, error)) (w work, err error) {
	err = v.do(ctx, a, actRotateKey, object{Kind: "key", ID: kind}, func(t *tx) error {
		open, err := list(ctx, t, scanWork, workColumns+`WHERE kind = $1 AND finished_at IS NULL`, kind)
		if err != nil {
			return fmt.Errorf("reading rotations: %w", err)
		}
		if len(open) > 0 {
			w = open[0]
			w.resumed = true
			t.detail("step", "resume")
			t.detail("done", strconv.FormatInt(w.done, 10))
			return nil
		}
		if w, err = fresh(t); err != nil {
			return err
		}
		w.id, w.kind = newID(), kind
		_, err = t.ExecContext(ctx, `INSERT INTO key_rotations (id, kind, from_version, to_version, total, started_at)
			VALUES ($1, $2, $3, $4, $5, $6)`, w.id, kind, int64(w.from), int64(w.to), w.total, t.now)
		if err != nil {
			return fmt.Errorf("writing rotation: %w", err)
		}
		t.detail("step", "begin")
		t.detail("total", strconv.FormatInt(w.total, 10))
		return nil
	})
	return w, err
}

// advance notes in a batch's own transaction how far the work has come.
func (t *tx) advance(ctx context.Context, w *work, done int64, last string) error {
	_, err := t.ExecContext(ctx, `UPDATE key_rotations SET done = done + $1, last = $2 WHERE id = $3`, done, last, w.id)
	if err != nil {
		return fmt.Errorf("writing progress: %w", err)
	}
	return nil
}

// finishWork ends the work. Another process that did the same may be faster.
func (v *Vault) finishWork(ctx context.Context, a Actor, w *work, left int64) error {
	return v.do(ctx, a, actRotateKey, object{Kind: "key", ID: w.kind}, func(t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE key_rotations SET finished_at = $1 WHERE id = $2 AND finished_at IS NULL`, t.now, w.id)
		if err != nil {
			return fmt.Errorf("finishing rotation: %w", err)
		}
		t.detail("step", "end")
		t.detail("done", strconv.FormatInt(w.done, 10))
		t.detail("left", strconv.FormatInt(left, 10))
		return nil
	})
}

// reporter calls progress at most twice a second.
func reporter(progress func(RotationProgress)) func(RotationProgress) {
	var last time.Time
	return func(p RotationProgress) {
		if now := time.Now(); now.Sub(last) >= 500*time.Millisecond {
			last = now
			progress(p)
		}
	}
}

func scanWork(rows *sql.Rows) (w work, err error) {
	return w, rows.Scan(&w.id, &w.kind, &w.from, &w.to, &w.total, &w.done, &w.last)
}
