package vault_test

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// full is a vault on SQLite and a directory with 500 sealed captures of 1 MiB.
func full(b *testing.B) (w *world, report vault.BackupReport, file []byte, ids vault.Identities, to string) {
	b.Helper()
	w = worldOn(b, vaulttest.NewOn(b, "sqlite", vaulttest.SQLite(b), must(vault.OpenDir(filepath.Join(b.TempDir(), "objects")))(b)))
	for i := range 500 {
		picture := bytes.Repeat([]byte{byte(i)}, 1<<20)
		w.Send(b, w.author, w.Capture(b, w.author, w.patient, picture))
	}
	to, ids = identity(b)
	file, report = backup(b, w.V, vault.BackupOptions{To: []string{to}})
	return w, report, file, ids, to
}

// BenchmarkBackup times a whole backup: database, 500 objects of 1 MiB read from a directory, checked, encrypted.
func BenchmarkBackup(b *testing.B) {
	w, report, _, _, to := full(b)
	b.SetBytes(report.Bytes)
	for b.Loop() {
		must(w.V.Backup(b.Context(), vault.Operator(), io.Discard, vault.BackupOptions{To: []string{to}}))(b)
	}
}

// BenchmarkRestore times its way back: decrypted, checked, each object durable in a directory.
func BenchmarkRestore(b *testing.B) {
	w, report, file, ids, _ := full(b)
	b.SetBytes(report.Bytes)
	for b.Loop() {
		if _, _, err := restoreTo(b, file, ids, w.Cfg); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyBackup times reading a backup to its end.
func BenchmarkVerifyBackup(b *testing.B) {
	_, report, file, ids, _ := full(b)
	b.SetBytes(report.Bytes)
	for b.Loop() {
		must(vault.VerifyBackup(bytes.NewReader(file), ids, nil))(b)
	}
}

// BenchmarkCheckPhotos times the judgement of a restore: every object read, compared and, where it is a rendition, opened.
func BenchmarkCheckPhotos(b *testing.B) {
	w, report, _, _, _ := full(b)
	b.SetBytes(report.Bytes)
	for b.Loop() {
		must(w.V.CheckPhotos(b.Context(), vault.Operator(), nil))(b)
	}
}
