package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

const keyMagic = "clinivault-root-key-v1\n"

// The base64 of 32 bytes of value 1 and of value 2.
var (
	keyOnes = strings.Repeat("AQEB", 10) + "AQE="
	keyTwos = strings.Repeat("AgIC", 10) + "AgI="
)

func writeKeyFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeyFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "root.key")
	first, err := vault.OpenKeyFile(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: got mode %v, %v; want 0600", info.Mode(), err)
	}
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) != 1 {
		t.Errorf("beside the key file: got %q, %v; want nothing", left, err)
	}
	key := seal.NewKey()
	wrapped, version, err := first.Wrap(t.Context(), key, []byte("aad"))
	if err != nil || version != 1 {
		t.Fatalf("Wrap: got version %d, %v; want 1", version, err)
	}
	again, err := vault.OpenKeyFile(path, true) // must not make another
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Unwrap(t.Context(), wrapped, version, []byte("aad"))
	if err != nil || got != key {
		t.Errorf("Unwrap after opening again: got another key, %v", err)
	}
}

func TestKeyFileRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"readable by the group", keyMagic + "1 " + keyOnes + "\n", 0o640, "run chmod 600"},
		{"readable by all", keyMagic + "1 " + keyOnes + "\n", 0o604, "run chmod 600"},
		{"writable by all", keyMagic + "1 " + keyOnes + "\n", 0o602, "run chmod 600"},
		{"another file", "-----BEGIN PRIVATE KEY-----\n", 0o600, "check its path"},
		{"empty", "", 0o600, "check its path"},
		{"no key", keyMagic, 0o600, "holds no key"},
		{"version 0", keyMagic + "0 " + keyOnes + "\n", 0o600, "damaged in line 2"},
		{"negative version", keyMagic + "-1 " + keyOnes + "\n", 0o600, "damaged in line 2"},
		{"short key", keyMagic + "1 AQEB\n", 0o600, "damaged in line 2"},
		{"zero key", keyMagic + "1 " + strings.Repeat("A", 43) + "=\n", 0o600, "damaged in line 2"},
		{"no base64", keyMagic + "1 " + keyOnes + "\n2 secret!\n", 0o600, "damaged in line 3"},
		{"a version twice", keyMagic + "1 " + keyOnes + "\n1 " + keyTwos + "\n", 0o600, "version 1 twice"},
		{"a long line", keyMagic + strings.Repeat("A", 65<<10), 0o600, "longer than 64 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := vault.OpenKeyFile(writeKeyFile(t, c.text, c.mode), true)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("OpenKeyFile: got %v, want an error with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "secret!") || strings.Contains(err.Error(), keyOnes) {
				t.Errorf("OpenKeyFile: the error repeats the file: %v", err)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "root.key")
		_, err := vault.OpenKeyFile(path, false)
		if err == nil || !strings.Contains(err.Error(), "restore it from its backup") {
			t.Errorf("OpenKeyFile: got %v, want what to do", err)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Error("OpenKeyFile made a file that it was not asked for")
		}
	})
	t.Run("folder", func(t *testing.T) {
		if _, err := vault.OpenKeyFile(t.TempDir(), true); err == nil {
			t.Error("OpenKeyFile of a folder: got nil")
		}
	})
}

func TestKeyFileVersions(t *testing.T) {
	one, err := vault.OpenKeyFile(writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600), false)
	if err != nil {
		t.Fatal(err)
	}
	both, err := vault.OpenKeyFile(writeKeyFile(t, keyMagic+"2 "+keyTwos+"\n1 "+keyOnes+"\n", 0o600), false)
	if err != nil {
		t.Fatal(err)
	}
	key, aad := seal.NewKey(), []byte("aad")
	old, _, err := one.Wrap(t.Context(), key, aad)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := both.Unwrap(t.Context(), old, 1, aad); err != nil || got != key {
		t.Errorf("Unwrap of the older version: got another key, %v", err)
	}
	wrapped, version, err := both.Wrap(t.Context(), key, aad)
	if err != nil || version != 2 {
		t.Fatalf("Wrap: got version %d, %v; want 2", version, err)
	}
	altered := bytes.Clone(wrapped)
	altered[len(altered)-1] ^= 1
	for _, c := range []struct {
		name    string
		file    *vault.KeyFile
		wrapped []byte
		version uint32
		aad     string
		want    error
	}{
		{"version that is not there", one, wrapped, 2, "aad", vault.ErrNotFound},
		{"another version's key", both, wrapped, 1, "aad", vault.ErrIntegrity},
		{"another aad", both, wrapped, 2, "aae", vault.ErrIntegrity},
		{"altered", both, altered, 2, "aad", vault.ErrIntegrity},
		{"empty", both, nil, 2, "aad", vault.ErrIntegrity},
	} {
		if _, err := c.file.Unwrap(t.Context(), c.wrapped, c.version, []byte(c.aad)); !errors.Is(err, c.want) {
			t.Errorf("Unwrap, %s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestSecretsPrintRedacted(t *testing.T) {
	file, err := vault.OpenKeyFile(writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600), false)
	if err != nil {
		t.Fatal(err)
	}
	store := vault.MinIOConfig{Endpoint: "127.0.0.1:9", Bucket: "b", AccessKey: "id", SecretKey: "s3cret"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, file); got != "[redacted]" {
			t.Errorf("key file as %s: got %q", verb, got)
		}
		if got := fmt.Sprintf(verb, store); strings.Contains(got, "s3cret") {
			t.Errorf("store configuration as %s: got %q", verb, got)
		}
	}
}
