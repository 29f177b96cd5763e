package vault

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listFile writes sorted lines.
func listFile(t *testing.T, ending string, lines ...string) string {
	t.Helper()
	slices.Sort(lines)
	path := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(path, []byte(strings.Join(lines, ending)+ending), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sha(password string) string {
	sum := sha1.Sum([]byte(password))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// TestBreached: every line of a list is found, whatever its form, and nothing else.
func TestBreached(t *testing.T) {
	for _, lines := range []int{1, 2, 3, 10, 1000} {
		var plain, hashes, counted, small []string
		for n := range lines {
			p := fmt.Sprintf("password number %d%s", n*2, strings.Repeat("x", n%7*n%40))
			plain, hashes = append(plain, p), append(hashes, sha(p))
			counted = append(counted, fmt.Sprintf("%s:%d", sha(p), n*n))
			small = append(small, strings.ToLower(sha(p)))
		}
		for name, path := range map[string]string{
			"passwords": listFile(t, "\n", slices.Clone(plain)...), "hashes": listFile(t, "\n", hashes...),
			"hashes with counts, as from Windows": listFile(t, "\r\n", counted...), "small hashes": listFile(t, "\n", small...),
		} {
			t.Run(fmt.Sprintf("%d %s", lines, name), func(t *testing.T) {
				if err := checkBreached(path); err != nil {
					t.Fatal(err)
				}
				for n, p := range plain {
					if known, err := breached(path, p); !known || err != nil {
						t.Errorf("line %d: got %v, %v, want it found", n, known, err)
					}
					for _, other := range []string{p + "y", fmt.Sprintf("password number %d", n*2+1), p[:len(p)-1]} {
						if known, err := breached(path, other); err != nil || known && !slices.Contains(plain, other) {
							t.Errorf("%q: got %v, %v, want it not found", other, known, err)
						}
					}
				}
			})
		}
	}
}

// TestBreachedRefused: lists that cannot be searched are refused when the vault opens, not taken for empty ones.
func TestBreachedRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	for name, text := range map[string]string{
		"not sorted": "b\na\n" + strings.Repeat("x\n", 300) + "a\n", "one endless line": strings.Repeat("x", 4096),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := checkBreached(path); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := checkBreached(path + ".none"); err == nil {
		t.Error("a list that is not there: taken")
	}
	v := &Vault{cfg: Config{BreachedPasswords: path + ".none", Log: slog.New(slog.DiscardHandler)}}
	if err := v.weakPassword("a fine passphrase", "login", "Test Person"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a password while the list is gone: got %v, want it not taken", err)
	}
}

func TestWeakPasswords(t *testing.T) {
	v := &Vault{cfg: Config{BreachedPasswords: listFile(t, "\n", sha("everybody uses this"), sha("and this one too"))}}
	for _, c := range []struct {
		password string
		good     bool
	}{
		{"a fine passphrase", true}, {"everybody uses this", false}, {"Everybody uses this", true}, {"and this one too", false},
		{"xx-M.Muster-xxxx", false}, {"my name is Ännchen", false}, {"my name is ännchen", false}, {"of Li and others", true},
	} {
		if err := v.weakPassword(c.password, "m.muster", "Ännchen Li"); (err == nil) != c.good || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %v, want good %v", c.password, err, c.good)
		}
	}
}

// FuzzBreached: whatever the list holds, a search ends, and a line of it that is sorted in is found.
func FuzzBreached(f *testing.F) {
	f.Add([]byte("a\nb\nc\n"), "b")
	f.Add([]byte(sha("x")+":1\r\n"), "x")
	f.Add([]byte("\n\n\n"), "")
	f.Fuzz(func(t *testing.T, list []byte, password string) {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, list, 0o600); err != nil {
			t.Fatal(err)
		}
		known, err := breached(path, password)
		if known && (err != nil || !bytes.Contains(list, []byte(password)) && !bytes.Contains(bytes.ToUpper(list), []byte(sha(password)))) {
			t.Errorf("found %q, %v, and it is not there", password, err)
		}
	})
}
