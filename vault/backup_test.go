package vault_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// identity makes an age identity: the text of its recipient, and what opens backups for it.
func identity(t testing.TB) (to string, ids vault.Identities) {
	t.Helper()
	id := must(age.GenerateX25519Identity())(t)
	return id.Recipient().String(), identitiesOf(t, id.String())
}

func identitiesOf(t testing.TB, secret string) vault.Identities {
	t.Helper()
	path := filepath.Join(t.TempDir(), "identity")
	ok(t, os.WriteFile(path, []byte("# a key of the tests\n"+secret+"\n"), 0o600))
	return must(vault.OpenIdentities(path))(t)
}

// backup makes a backup in memory.
func backup(t testing.TB, v *vault.Vault, o vault.BackupOptions) ([]byte, vault.BackupReport) {
	t.Helper()
	var out bytes.Buffer
	report, err := v.Backup(t.Context(), vault.Operator(), &out, o)
	if err != nil {
		t.Fatalf("Backup: %v", err)
	}
	if report.Size != int64(out.Len()) {
		t.Errorf("the report says %d bytes, written were %d", report.Size, out.Len())
	}
	return out.Bytes(), report
}

// restored is a vault that was restored to an empty folder, its store a directory.
func restored(t testing.TB, file []byte, ids vault.Identities, like vault.Config) (*vault.Vault, vault.Config) {
	t.Helper()
	cfg, info, err := restoreTo(t, file, ids, like)
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	v := must(vault.Open(t.Context(), cfg))(t)
	t.Cleanup(func() { ok(t, v.Close()) })
	ok(t, v.Restored(t.Context(), vault.Operator(), info))
	return v, cfg
}

func restoreTo(t testing.TB, file []byte, ids vault.Identities, like vault.Config) (vault.Config, vault.BackupInfo, error) {
	t.Helper()
	dir := t.TempDir()
	cfg := like
	cfg.DSN, cfg.Blobs = filepath.Join(dir, "vault.db"), must(vault.OpenDir(filepath.Join(dir, "objects")))(t)
	info, err := vault.Restore(t.Context(), bytes.NewReader(file), vault.RestoreOptions{
		Identities: ids, Database: cfg.DSN, Begin: func(vault.BackupInfo) (vault.Blobs, error) { return cfg.Blobs, nil }})
	return cfg, info, err
}

// sound fails the test unless every photo of v is as the log says.
func sound(t testing.TB, v *vault.Vault) vault.PhotoCheck {
	t.Helper()
	found := must(v.CheckPhotos(t.Context(), vault.Operator(), nil))(t)
	if found.Bad != 0 || found.Photos != found.Accepted {
		t.Errorf("check of the photos: %+v", found)
	}
	if log := must(v.VerifyLog(t.Context(), vault.Operator()))(t); !log.OK {
		t.Errorf("the log does not verify: %s", log.Problem)
	}
	return found
}

// TestBackupRestores: photos in every state come back, each byte for byte, to a folder that had nothing but the backup
// and the root key.
func TestBackupRestores(t *testing.T) {
	w := newWorld(t)
	approved, review, later := w.approved(), w.inReview(), w.waiting()
	to, ids := identity(t)
	file, report := backup(t, w.V, vault.BackupOptions{To: []string{to}})
	if report.Objects != int64(len(w.Blobs.Names()))-2 { // two envelopes wait to be deleted
		t.Errorf("the backup has %d objects, the store %d", report.Objects, len(w.Blobs.Names()))
	}
	after := w.waiting() // is in the next backup
	v, cfg := restored(t, file, ids, w.Cfg)
	found := sound(t, v)
	if found.Photos != 3 || found.Objects != report.Objects {
		t.Errorf("restored: %+v, want 3 photos and %d objects", found, report.Objects)
	}
	b := *w.Bench
	b.V, b.Cfg = v, cfg
	author, reviewer := b.SignIn(t, "author"), b.SignIn(t, "reviewer")
	for _, p := range []struct {
		id   vault.PhotoID
		kind string
	}{{review, vault.KindCoveredDisplay}, {review, vault.KindCoveredThumb}, {approved, vault.KindRedacted}} {
		want := must(w.V.ReadRendition(t.Context(), w.author, p.id, p.kind))(t)
		got := must(v.ReadRendition(t.Context(), author, p.id, p.kind))(t)
		if !bytes.Equal(got.Bytes, want.Bytes) || len(got.Bytes) == 0 {
			t.Errorf("%s of photo %s: got %d bytes that differ from %d", p.kind, p.id, len(got.Bytes), len(want.Bytes))
		}
	}
	b.Work(t) // the capture that waited is processed there
	for range 2 {
		photo := must(v.ClaimNext(t.Context(), reviewer))(t)
		if photo == nil || photo.ID != review && photo.ID != later {
			t.Fatalf("claimed %v in the restored vault, want photo %s or %s", photo, review, later)
		}
		ok(t, v.Reject(t.Context(), reviewer, photo.ID, photo.Version, "only a test"))
	}
	if _, err := v.PhotoByID(t.Context(), author, after); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("a photo taken after the backup: got %v, want ErrNotFound", err)
	}
	if _, err := v.PhotoByID(t.Context(), w.author, review); !errors.Is(err, vault.ErrUnauthenticated) {
		t.Errorf("a session of before the backup: got %v, want ErrUnauthenticated", err)
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'backup.make' AND outcome = 'ok' AND entry LIKE '%' || $1 || '%'`, report.SHA256); n != 1 {
		t.Errorf("%d events name the backup and its digest, want 1", n)
	}
	w.verified()
}

// TestBackupWithRootKey: with the key in it, the backup and its identity open everything; without, they open nothing.
func TestBackupWithRootKey(t *testing.T) {
	w := newWorld(t)
	w.approved()
	key := filepath.Join(t.TempDir(), "root.key")
	kms := must(vault.OpenKeyFile(key, true))(t)
	b := vaulttest.OpenOn(t, "sqlite", vaulttest.SQLite(t), nil, kms)
	b.Person(t, "doctor", vault.RoleClinician)
	hybrid := must(age.GenerateHybridIdentity())(t)
	ids := identitiesOf(t, hybrid.String())
	for _, inside := range []bool{false, true} {
		o := vault.BackupOptions{To: []string{hybrid.Recipient().String()}}
		if inside {
			o.RootKeyFile = key
		}
		file, _ := backup(t, b.V, o)
		if bytes.Contains(file, []byte("clinivault")) {
			t.Error("the backup has something in clear")
		}
		dir := t.TempDir()
		place := filepath.Join(dir, "keys", "root.key")
		_, err := vault.Restore(t.Context(), bytes.NewReader(file), vault.RestoreOptions{Identities: ids, RootKeyFile: place,
			Database: filepath.Join(dir, "vault.db"), Begin: func(vault.BackupInfo) (vault.Blobs, error) { return &vaulttest.Memory{}, nil }})
		ok(t, err)
		got, err := os.ReadFile(place)
		want := must(os.ReadFile(key))(t)
		if inside != bytes.Equal(got, want) || inside == errors.Is(err, os.ErrNotExist) {
			t.Errorf("asked for the root key %v: restored %d bytes, %v", inside, len(got), err)
		}
		report := must(vault.VerifyBackup(bytes.NewReader(file), ids, nil))(t)
		if report.Info.RootKey != inside || !report.Info.Whole() {
			t.Errorf("asked for the root key %v: the head says %+v", inside, report.Info)
		}
	}
}

// TestBackupWithAnotherRootKey: a key file that does not open the copied database is not put beside it.
func TestBackupWithAnotherRootKey(t *testing.T) {
	key := filepath.Join(t.TempDir(), "root.key")
	kms := must(vault.OpenKeyFile(key, true))(t)
	b := vaulttest.OpenOn(t, "sqlite", vaulttest.SQLite(t), nil, kms)
	before := must(os.ReadFile(key))(t)
	to, ids := identity(t)
	must(b.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateRoot}))(t)
	older := filepath.Join(t.TempDir(), "older.key")
	ok(t, os.WriteFile(older, before, 0o600))
	_, err := b.V.Backup(t.Context(), vault.Operator(), io.Discard, vault.BackupOptions{To: []string{to}, RootKeyFile: older})
	wants(t, "a key file from before the rotation", err, vault.ErrConflict)
	ok(t, b.V.ForgetRoot(t.Context(), vault.Operator()))
	file, _ := backup(t, b.V, vault.BackupOptions{To: []string{to}, RootKeyFile: key})
	dir := t.TempDir()
	place := filepath.Join(dir, "root.key")
	ok(t, os.WriteFile(place+".new", []byte("clinivault-root"), 0o600)) // as a restore that was killed leaves it
	_, err = vault.Restore(t.Context(), bytes.NewReader(file), vault.RestoreOptions{Identities: ids, RootKeyFile: place,
		Database: filepath.Join(dir, "vault.db"), Begin: func(vault.BackupInfo) (vault.Blobs, error) { return &vaulttest.Memory{}, nil }})
	ok(t, err)
	if left, _ := filepath.Glob(place + "*"); len(left) != 1 || !bytes.Equal(must(os.ReadFile(place))(t), must(os.ReadFile(key))(t)) {
		t.Errorf("restored: %q; want the key file alone, as it was", left)
	}
}

// TestBackupOptions: what cannot be a backup is refused before anything is written.
func TestBackupOptions(t *testing.T) {
	b := vaulttest.New(t)
	x := must(age.GenerateX25519Identity())(t).Recipient().String()
	pq := must(age.GenerateHybridIdentity())(t).Recipient().String()
	for _, c := range []struct {
		name string
		o    vault.BackupOptions
		want string
	}{
		{"for nobody", vault.BackupOptions{}, "Name whom the backup is for"},
		{"no recipient", vault.BackupOptions{To: []string{"age1nonsense"}}, "no age recipient"},
		{"an identity", vault.BackupOptions{To: []string{must(age.GenerateX25519Identity())(t).String()}}, "no age recipient"},
		{"mixed", vault.BackupOptions{To: []string{x, pq}}, "cannot be mixed"},
		{"no key file", vault.BackupOptions{To: []string{x}, RootKeyFile: filepath.Join(t.TempDir(), "none")}, "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			_, err := b.V.Backup(t.Context(), vault.Operator(), &out, c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if n := count(t, b, `SELECT count(*) FROM deletion_pauses WHERE ended_at IS NULL`); n != 0 {
		t.Errorf("%d pauses of refused backups stand, want none", n)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(b.Cfg.DSN), ".backup-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("copies of the database are left: %v, %v", left, err)
	}
}

// TestBackupReportsMissing: what the store lost or altered does not stop the backup of all the rest.
func TestBackupReportsMissing(t *testing.T) {
	w := newWorld(t)
	w.inReview()
	w.Cfg.Blobs = nil
	var names []string
	for _, n := range w.Blobs.Names() {
		if strings.HasPrefix(n, "object/") {
			names = append(names, n)
		}
	}
	w.Blobs.Tamper(names[0], append(w.Blobs.Bytes(names[0]), 0))
	w.Blobs.Tamper(names[1], []byte("altered"))
	ok(t, w.Blobs.Delete(t.Context(), names[2]))
	to, ids := identity(t)
	file, report := backup(t, w.V, vault.BackupOptions{To: []string{to}})
	if report.Lost != 3 || len(report.Missing) != 3 || report.Objects != int64(len(names))-3 {
		t.Errorf("got %+v, want 3 missing of %d", report, len(names))
	}
	again := must(vault.VerifyBackup(bytes.NewReader(file), ids, nil))(t)
	if again.Lost != 3 || len(again.Missing) != 3 || again.Missing[0].Photo == "" {
		t.Errorf("the backup says %+v, want the same 3 missing with their photo", again.Missing)
	}
}

// TestBackupStoreAway: a store that does not answer ends the backup, with its event, and deletions go on at once.
func TestBackupStoreAway(t *testing.T) {
	w := newWorld(t)
	w.inReview()
	to, _ := identity(t)
	w.Blobs.OnOp(func(_ int, op vaulttest.Op, _ string) vaulttest.Fault {
		if op == vaulttest.OpGet {
			return vaulttest.Refuse
		}
		return vaulttest.Apply
	})
	_, err := w.V.Backup(t.Context(), vault.Operator(), io.Discard, vault.BackupOptions{To: []string{to}})
	wants(t, "backup without a store", err, vault.ErrUnavailable)
	w.Blobs.OnOp(nil)
	if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'backup.make' AND outcome = 'failed'`); n != 1 {
		t.Errorf("%d events of the failure, want 1", n)
	}
	if n := w.count(`SELECT count(*) FROM deletion_pauses WHERE ended_at IS NULL`); n != 0 {
		t.Errorf("%d pauses stand, want none", n)
	}
}

// TestBackupEndsWithItsPause: a backup that stood still until its pause ran out is no backup.
func TestBackupEndsWithItsPause(t *testing.T) {
	w := newWorld(t)
	w.inReview()
	to, _ := identity(t)
	_, err := w.V.Backup(t.Context(), vault.Operator(), io.Discard, vault.BackupOptions{To: []string{to},
		Progress: func(vault.BackupProgress) { w.Clock.Add(6 * time.Minute) }})
	wants(t, "backup that stood still", err, vault.ErrConflict)
}

// TestOneBackupAtATime: the second is refused, and a cancelled one leaves nothing behind.
func TestOneBackupAtATime(t *testing.T) {
	w := newWorld(t)
	w.inReview()
	to, _ := identity(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var second error
	_, err := w.V.Backup(ctx, vault.Operator(), io.Discard, vault.BackupOptions{To: []string{to}, Progress: func(vault.BackupProgress) {
		if second == nil {
			_, second = w.V.Backup(t.Context(), vault.Operator(), io.Discard, vault.BackupOptions{To: []string{to}})
			cancel()
		}
	}})
	wants(t, "the second backup", second, vault.ErrConflict)
	wants(t, "the cancelled backup", err, context.Canceled)
	if n := w.count(`SELECT count(*) FROM deletion_pauses WHERE ended_at IS NULL`); n != 0 {
		t.Errorf("%d pauses stand after all, want none", n)
	}
	_, err = w.V.Backup(t.Context(), vault.Operator(), io.Discard, vault.BackupOptions{To: []string{to}})
	ok(t, err)
}
