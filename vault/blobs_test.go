package vault_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

func TestBlobs(t *testing.T) {
	for _, c := range []struct {
		name string
		open func(t *testing.T) vault.Blobs
	}{
		{"memory", func(*testing.T) vault.Blobs { return &vaulttest.Memory{} }},
		{"directory", func(t *testing.T) vault.Blobs { return openDir(t, t.TempDir()) }},
		{"minio", func(t *testing.T) vault.Blobs { return openMinIO(t, vaulttest.MinIO(t)) }},
		{"versitygw", func(t *testing.T) vault.Blobs { return openMinIO(t, vaulttest.VersityGW(t)) }},
	} {
		t.Run(c.name, func(t *testing.T) { vaulttest.TestBlobs(t, c.open) })
	}
}

func openDir(t *testing.T, path string) *vault.Dir {
	t.Helper()
	d, err := vault.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func openMinIO(t *testing.T, cfg vault.MinIOConfig) *vault.MinIO {
	t.Helper()
	m, err := vault.OpenMinIO(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOpenDirClearsWhatACrashLeft(t *testing.T) {
	root := t.TempDir()
	openDir(t, root)
	old, young := filepath.Join(root, "tmp", "OLD"), filepath.Join(root, "tmp", "YOUNG")
	for _, p := range []string{old, young} {
		if err := os.WriteFile(p, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	openDir(t, root)
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("a file left two hours ago: got %v, want it removed", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("a file that another process may be writing: got %v, want it kept", err)
	}
}
