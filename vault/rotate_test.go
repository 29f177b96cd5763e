package vault_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// allKinds is every kind of rotation.
var allKinds = []string{vault.RotateRoot, vault.RotateIntake, vault.RotateReceipt, vault.RotateCertificate, vault.RotateLog,
	vault.RotatePatients, vault.RotatePatient}

// ownKeys is a world whose root key no other test has.
func ownKeys(t *testing.T, test func(t *testing.T, w *world)) {
	vaulttest.EachDatabase(t, func(t *testing.T, b *vaulttest.Bench) { test(t, worldOn(t, b)) })
}

func (w *world) rotate(t testing.TB, kind string) vault.RotationProgress {
	t.Helper()
	r := vault.Rotation{Kind: kind}
	if kind == vault.RotatePatient {
		r.Patient = w.patient
	}
	return must(w.V.RotateKeys(t.Context(), vault.Operator(), r))(t)
}

// TestEverythingOpensAfterRotation: each kind in turn, twice, and then everything that was made before and after opens.
func TestEverythingOpensAfterRotation(t *testing.T) {
	ownKeys(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.approved()
		want := must(w.V.ReadRendition(ctx, w.records, id, vault.KindRedacted))(t)
		salt := must(w.V.OriginalSalt(ctx, w.privacy, id))(t)
		seen := w.inReview()
		must(w.V.Reveal(ctx, w.colleague, seen, "synthetic reason for a test"))(t)
		receipt := w.Send(t, w.author, w.Capture(t, w.author, w.patient, w.picture))
		for range 2 {
			for _, kind := range allKinds {
				w.rotate(t, kind)
				got, err := w.V.ReadRendition(ctx, w.records, id, vault.KindRedacted)
				if err != nil || !bytes.Equal(got.Bytes, want.Bytes) {
					t.Fatalf("after %s: the redacted picture differs or does not open: %v", kind, err)
				}
				if got := must(w.V.OriginalSalt(ctx, w.privacy, id))(t); got != salt {
					t.Errorf("after %s: salt %s, want %s", kind, got, salt)
				}
				must(w.V.Certificate(ctx, w.records, id))(t)
				w.verified()
			}
		}
		w.Work(t)
		if state, why := w.state(vault.PhotoID(receipt.PhotoID)); state != vault.StateInReview {
			t.Errorf("the photo that was waiting is %s (%s), want in review", state, why)
		}
		keys := must(w.V.PublicKeys(ctx))(t)
		if len(keys.Receipts) != 3 || len(keys.Certificates) != 3 || len(keys.LogHandovers) != 2 {
			t.Errorf("published: %d receipt, %d certificate keys, %d handovers, want 3, 3, 2",
				len(keys.Receipts), len(keys.Certificates), len(keys.LogHandovers))
		}
		ok(t, verifyReceipt(keys.Receipts, receipt))
		trail := must(w.V.AuditOfPatient(ctx, w.privacy, w.patient, 0, 200))(t)
		if !strings.Contains(fmt.Sprintf("%+v", trail), "synthetic reason for a test") {
			t.Error("the reason of the reveal is lost")
		}
		w.verified()
		w.Reopen(t)
		must(w.V.ReadRendition(ctx, w.records, id, vault.KindRedacted))(t)
	})
}

// verifyReceipt checks a receipt with the one published key that it names.
func verifyReceipt(keys []vault.PublicKey, r seal.Receipt) error {
	i := slices.IndexFunc(keys, func(k vault.PublicKey) bool { return k.KeyID == r.KeyID })
	if i < 0 {
		return fmt.Errorf("key %s is not published", r.KeyID)
	}
	return seal.VerifyReceipt(ed25519.PublicKey(keys[i].Key), r)
}

// TestRetiredSigningKeysAreDestroyed: the private half is gone from the row; the public half is still vouched for, and
// one that somebody wrote into the database is not.
func TestRetiredSigningKeysAreDestroyed(t *testing.T) {
	w := newWorld(t)
	before := must(w.V.PublicKeys(t.Context()))(t)
	for _, kind := range []string{vault.RotateReceipt, vault.RotateCertificate, vault.RotateLog} {
		var old, now []byte
		row := func(into *[]byte) {
			ok(t, w.db().QueryRowContext(context.Background(), `SELECT wrapped_private FROM epoch_keys WHERE kind = $1 AND epoch = 1`, kind).Scan(into))
		}
		row(&old)
		w.rotate(t, kind)
		if row(&now); bytes.Equal(old, now) {
			t.Errorf("%s: the old private half is still there", kind)
		}
		if n := w.count(`SELECT count(*) FROM epoch_keys WHERE kind = $1 AND retired_at IS NOT NULL AND destroyed_at IS NOT NULL`, kind); n != 1 {
			t.Errorf("%s: %d destroyed epochs, want 1", kind, n)
		}
	}
	w.change(`UPDATE epoch_keys SET public_key = $1`, bytes.Repeat([]byte{7}, 32))
	w.Reopen(t)
	after := must(w.V.PublicKeys(t.Context()))(t)
	if len(after.Receipts) != 2 || after.Receipts[1].KeyID != before.Receipts[0].KeyID ||
		after.Certificates[1].KeyID != before.Certificates[0].KeyID {
		t.Errorf("published after an intruder changed the rows: %+v, want the old keys behind the new ones", after)
	}
	w.change(`UPDATE epoch_keys SET wrapped_private = (SELECT wrapped_private FROM epoch_keys WHERE kind = 'certificate' AND epoch = 1)
		WHERE kind = 'receipt' AND epoch = 1`)
	w.Reopen(t)
	_, err := w.V.PublicKeys(t.Context())
	wants(t, "a key of another kind in the row", err, vault.ErrIntegrity)
}

// TestUnderPatientKeyIsWhole: each sealed column of the schema is in the list of what is under the keys of patients, or
// here with what it is under instead.
func TestUnderPatientKeyIsWhole(t *testing.T) {
	elsewhere := []string{"patients.wrapped_key", "epoch_keys.public_key", "epoch_keys.wrapped_private", "totp_secrets.wrapped_secret", // root key
		"feed_messages.sealed",                                                                                      // a key of the vault's own
		"audit_hashes.hash", "audit_head.frontier", "devices.key", "devices.certificate", "device_codes.commitment"} // public
	w := newWorld(t)
	rows, err := w.db().QueryContext(t.Context(), `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND upper(c.type) = 'BYTEA'`)
	ok(t, err)
	defer rows.Close()
	listed := vault.UnderPatientKey()
	found := 0
	for rows.Next() {
		var table, column string
		ok(t, rows.Scan(&table, &column))
		name := table + "." + column
		switch in := slices.Contains(listed, name); {
		case in:
			found++
		case !slices.Contains(elsewhere, name):
			t.Errorf("%s is neither in underPatientKey nor among what is under another key", name)
		}
	}
	ok(t, rows.Err())
	if found != len(listed) {
		t.Errorf("%d of the %d columns of underPatientKey are in the schema", found, len(listed))
	}
}

// TestRotatePatientKey: nothing that the old key opens is left, and other patients are not touched.
func TestRotatePatientKey(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	stored := func() (all []string) {
		for _, table := range []string{"renditions.wrapped_key", "photos.sealed_facts", "reviews.sealed_salt"} {
			name, column, _ := strings.Cut(table, ".")
			rows, err := w.db().QueryContext(context.Background(), `SELECT hex(`+column+`) FROM `+name+` WHERE `+column+` IS NOT NULL ORDER BY id`)
			ok(t, err)
			defer rows.Close()
			for rows.Next() {
				var s string
				ok(t, rows.Scan(&s))
				all = append(all, s)
			}
		}
		return all
	}
	before := stored()
	w.rotate(t, vault.RotatePatient)
	after := stored()
	if len(before) != len(after) || len(before) < 8 {
		t.Fatalf("%d sealed values became %d", len(before), len(after))
	}
	for _, s := range after {
		if slices.Contains(before, s) {
			t.Error("a sealed value is as it was")
		}
	}
	must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
	_, err := w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotatePatient, Patient: "nobody"})
	wants(t, "a patient that does not exist", err, vault.ErrNotFound)
	w.change(`UPDATE renditions SET wrapped_key = (SELECT wrapped_key FROM renditions WHERE kind = 'thumb') WHERE kind = 'original'`)
	_, err = w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotatePatient, Patient: w.patient})
	wants(t, "a rendition that does not open", err, vault.ErrIntegrity)
	must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
	p, err := w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotatePatients})
	if wants(t, "all patients", err, vault.ErrIntegrity); p.Left != 1 || p.Done != 1 {
		t.Errorf("all patients: got %+v, want 1 done and 1 left", p)
	}
}

// countedKMS counts down to an outage.
type countedKMS struct {
	vault.KMS
	left atomic.Int64
}

func (k *countedKMS) Wrap(ctx context.Context, plain seal.Key, aad []byte) ([]byte, uint32, error) {
	if k.left.Add(-1) < 0 {
		return nil, 0, vault.ErrUnavailable
	}
	return k.KMS.Wrap(ctx, plain, aad)
}

// TestRotateRootResumes: an outage at every step of a rotation of the root key leaves everything readable, and the next
// try goes on with the same version.
func TestRotateRootResumes(t *testing.T) {
	b := vaulttest.New(t)
	kms := &countedKMS{KMS: b.KMS}
	kms.left.Store(1 << 40)
	b.Cfg.KMS = kms
	b.Reopen(t)
	w := worldOn(t, b)
	id := w.approved()
	const keys = 4 + 2 // epochs, patients
	for n := range int64(keys) {
		kms.left.Store(n)
		_, err := w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateRoot})
		wants(t, fmt.Sprintf("rotation with %d keys wrapped", n), err, vault.ErrUnavailable)
		must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
		wants(t, "forgetting now", w.V.ForgetRoot(t.Context(), vault.Operator()), vault.ErrConflict)
		kms.left.Store(keys)
		p := must(w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateRoot}))(t)
		if !p.Resumed || p.Done != keys || p.Total != keys {
			t.Errorf("after %d: got %+v, want %d done in a rotation that was resumed", n, p, keys)
		}
		s := must(w.V.KeysStatus(t.Context(), vault.Operator()))(t)
		if s.Root.Newest != uint32(n)+2 || !s.Root.Unused() {
			t.Errorf("after %d: root %+v, want only version %d in use", n, s.Root, n+2)
		}
	}
	must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
	ok(t, w.V.ForgetRoot(t.Context(), vault.Operator()))
	w.Reopen(t)
	must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
	if s := must(w.V.KeysStatus(t.Context(), vault.Operator()))(t); s.Root.Oldest != s.Root.Newest {
		t.Errorf("after forgetting: root %+v, want one version", s.Root)
	}
	wants(t, "forgetting twice", w.V.ForgetRoot(t.Context(), vault.Operator()), vault.ErrConflict)
	w.verified()
}

// TestDamagedKeysAreLeft: one patient's key that does not open does not stop the others, and keeps the old version.
func TestDamagedKeysAreLeft(t *testing.T) {
	ownKeys(t, func(t *testing.T, w *world) {
		w.change(`UPDATE patients SET wrapped_key = (SELECT wrapped_key FROM patients WHERE id = $1) WHERE id = $2`, string(w.patient), string(w.foreign))
		p, err := w.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateRoot})
		if wants(t, "rotation", err, vault.ErrIntegrity); p.Left != 1 || p.Done != 5 {
			t.Errorf("got %+v, want 5 done and 1 left", p)
		}
		wants(t, "forgetting", w.V.ForgetRoot(t.Context(), vault.Operator()), vault.ErrConflict)
		must(w.V.PatientPhotos(t.Context(), w.author, w.patient))(t)
	})
}

// TestWrappedBeforeForgetting: what was wrapped under a version that is given up before its row is written is refused,
// and not written to be lost.
func TestWrappedBeforeForgetting(t *testing.T) {
	b := vaulttest.New(t)
	late := &lateKMS{KMS: b.KMS}
	b.Cfg.KMS = late
	b.Reopen(t)
	late.between = func() {
		must(b.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateRoot}))(t)
		ok(t, b.V.ForgetRoot(t.Context(), vault.Operator()))
	}
	_, err := b.V.AddPatient(t.Context(), vault.Operator(), vault.NewPatient{RecordNumber: "TEST-1", Name: "Synthetic Patient", BirthDate: "1970-01-01"})
	wants(t, "adding a patient meanwhile", err, vault.ErrUnavailable)
	b.Patient(t)
}

// lateKMS does something once between wrapping and answering.
type lateKMS struct {
	vault.KMS
	between func()
}

func (k *lateKMS) Wrap(ctx context.Context, plain seal.Key, aad []byte) ([]byte, uint32, error) {
	wrapped, version, err := k.KMS.Wrap(ctx, plain, aad)
	if between := k.between; between != nil {
		k.between = nil
		between()
	}
	return wrapped, version, err
}

// TestIntakeEpochs: a capture sealed before a rotation is accepted after it, until the grace is over; the old key is
// destroyed only when no envelope needs it, and what comes later is refused instead of kept for nobody.
func TestIntakeEpochs(t *testing.T) {
	ownKeys(t, func(t *testing.T, w *world) {
		early := w.Capture(t, w.author, w.patient, w.picture)
		late := w.Capture(t, w.author, w.patient, w.picture)
		w.rotate(t, vault.RotateIntake)
		if info := must(w.V.IntakeKeys(t.Context(), w.author))(t); info.Epoch != 2 {
			t.Errorf("clients are given epoch %d, want 2", info.Epoch)
		}
		w.Send(t, w.author, early)
		alive := func(want int) {
			t.Helper()
			ok(t, w.V.DestroyRetiredKeys(t.Context(), vault.Operator()))
			if n := w.count(`SELECT count(*) FROM epoch_keys WHERE kind = 'intake' AND destroyed_at IS NULL`); n != want {
				t.Fatalf("%d intake keys are left, want %d", n, want)
			}
		}
		alive(2)
		w.Clock.Add(vault.DefaultIntakeGrace)
		alive(2) // an envelope waits
		w.Work(t)
		w.author, w.privacy = w.SignIn(t, "author"), w.SignIn(t, "privacy")
		alive(1)
		_, _, err := w.V.Accept(t.Context(), w.author, late.Request())
		wants(t, "a capture under a destroyed key", err, vault.ErrInvalid)
		w.Send(t, w.author, w.Capture(t, w.author, w.patient, w.picture))
		w.Work(t)
		w.verified()
	})
}

// TestCaptureBesideDestruction: the key is destroyed between the opening of the facts and the row: nothing is
// acknowledged that cannot be opened.
func TestCaptureBesideDestruction(t *testing.T) {
	w := newWorld(t)
	c := w.Capture(t, w.author, w.patient, w.picture)
	w.rotate(t, vault.RotateIntake)
	w.Blobs.OnOp(func(_ int, op vaulttest.Op, _ string) vaulttest.Fault {
		if op == vaulttest.OpPut {
			w.change(`UPDATE epoch_keys SET destroyed_at = 1 WHERE kind = 'intake' AND epoch = 1`)
		}
		return vaulttest.Apply
	})
	_, _, err := w.V.Accept(t.Context(), w.author, c.Request())
	wants(t, "the capture", err, vault.ErrInvalid)
	if n := w.count(`SELECT count(*) FROM photos`); n != 0 {
		t.Errorf("%d photos, want none", n)
	}
}

// TestNodesFollow: after a rotation on one node, the other signs and opens with the new keys at its next act.
func TestNodesFollow(t *testing.T) {
	ownKeys(t, func(t *testing.T, w *world) {
		other := w.Node(t)
		for _, kind := range allKinds {
			w.rotate(t, kind)
			if _, err := other.PatientPhotos(t.Context(), w.author, w.patient); err != nil {
				t.Errorf("after %s, the other node: %v", kind, err)
			}
			r, _, err := other.Accept(t.Context(), w.author, w.Capture(t, w.author, w.patient, w.picture).Request())
			ok(t, err)
			keys := must(other.PublicKeys(t.Context()))(t)
			if ok(t, verifyReceipt(keys.Receipts, r)); r.KeyID != keys.Receipts[0].KeyID {
				t.Errorf("after %s the other node signs with a retired key", kind)
			}
			ok(t, other.Checkpoint(t.Context(), vault.Operator()))
		}
		w.Work(t)
		w.verified()
		if got := must(other.VerifyLog(t.Context(), w.privacy))(t); !got.OK {
			t.Errorf("the log does not verify on the other node: %+v", got)
		}
	})
}

// TestRotationUnderLoad: captures, reads and processing go on without one error while each kind rotates, and every
// acknowledged photo opens afterwards.
func TestRotationUnderLoad(t *testing.T) {
	ownKeys(t, func(t *testing.T, w *world) {
		shown := w.inReview()
		ctx, stop := context.WithCancel(t.Context())
		var taken sync.Map
		var busy sync.WaitGroup
		work := func(act func() error) {
			busy.Go(func() {
				for ctx.Err() == nil {
					if err := act(); err != nil && !errors.Is(err, context.Canceled) {
						t.Errorf("under load: %v", err)
						return
					}
				}
			})
		}
		var sent atomic.Int64
		for range 2 {
			work(func() error {
				time.Sleep(20 * time.Millisecond)
				if sent.Add(1) > 30 { // each has to be processed in the end
					return nil
				}
				r, _, err := w.V.Accept(context.WithoutCancel(ctx), w.author, w.Capture(t, w.author, w.patient, w.picture).Request())
				taken.Store(r.PhotoID, true)
				return err
			})
		}
		work(func() error {
			time.Sleep(time.Millisecond)
			_, err := w.V.ReadRendition(ctx, w.colleague, shown, vault.KindCoveredThumb)
			return err
		})
		work(func() error {
			time.Sleep(time.Millisecond)
			_, err := w.V.PatientPhotos(ctx, w.author, w.patient)
			return err
		})
		work(func() error {
			time.Sleep(5 * time.Millisecond)
			job, err := w.V.ClaimJob(ctx, w.worker, time.Minute)
			if err != nil || job == nil {
				return err
			}
			return w.V.ProcessCapture(context.WithoutCancel(ctx), w.worker, job)
		})
		for range 2 {
			for _, kind := range allKinds {
				w.rotate(t, kind)
			}
		}
		stop()
		busy.Wait()
		w.Work(t)
		taken.Range(func(id, _ any) bool {
			if _, err := w.V.ReadRendition(t.Context(), w.colleague, vault.PhotoID(id.(string)), vault.KindCoveredThumb); err != nil {
				t.Errorf("photo %s: %v", id, err)
			}
			return true
		})
		w.verified()
	})
}

// TestOldRootKeyIsNotRotated: with a copy of the key file from before a rotation that was killed right after it made its
// version, another rotation would give the number of that version to another key.
func TestOldRootKeyIsNotRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	kms := must(vault.OpenKeyFile(path, true))(t)
	older := must(os.ReadFile(path))(t)
	b := vaulttest.OpenOn(t, "sqlite", vaulttest.SQLite(t), nil, kms)
	must(kms.Rotate(t.Context()))(t)
	b.Patient(t, b.Person(t, "doctor", vault.RoleClinician)) // under version 2
	ok(t, os.WriteFile(path, older, 0o600))
	cfg := b.Cfg
	cfg.KMS, cfg.Beside = must(vault.OpenKeyFile(path, false))(t), true
	command := must(vault.Open(t.Context(), cfg))(t)
	_, err := command.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateRoot})
	wants(t, "a rotation with the older key file", err, vault.ErrUnavailable)
	if now := must(os.ReadFile(path))(t); !bytes.Equal(now, older) {
		t.Error("the older key file got another version 2")
	}
	ok(t, command.Close())
}
