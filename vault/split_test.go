package vault_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

func split(t *testing.T, n, m int) (shares []vault.KeyShare, file []byte) {
	t.Helper()
	file = []byte(keyMagic + "1 " + keyOnes + "\n2 " + keyTwos + "\n")
	return must(vault.SplitKeyFile(writeKeyFile(t, string(file), 0o600), n, m))(t), file
}

// TestSharesBringTheKeyFileBack: any m of n do, in any order, and fewer do not.
func TestSharesBringTheKeyFileBack(t *testing.T) {
	for _, c := range []struct{ n, m int }{{2, 2}, {3, 2}, {5, 3}, {4, 4}} {
		shares, want := split(t, c.n, c.m)
		for set := range 1 << c.n {
			var some []vault.KeyShare
			for i := range c.n {
				if set>>i&1 == 1 {
					some = append([]vault.KeyShare{shares[i]}, some...)
				}
			}
			got, err := vault.JoinKeyShares(some)
			if enough := len(some) >= c.m; enough != (err == nil && bytes.Equal(got, want)) {
				t.Errorf("%d of %d, shares %b: got %d bytes, %v; want it back: %v", c.m, c.n, set, len(got), err, enough)
			}
		}
	}
	shares, want := split(t, vault.MaxShares, vault.MaxShares)
	if got := must(vault.JoinKeyShares(shares))(t); !bytes.Equal(got, want) {
		t.Error("the largest set does not bring the file back")
	}
}

func TestSplitRefuses(t *testing.T) {
	path := writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600)
	for _, c := range []struct{ n, m int }{{1, 1}, {2, 1}, {3, 0}, {2, 3}, {0, 0}, {-1, -1}, {vault.MaxShares + 1, 2}} {
		if _, err := vault.SplitKeyFile(path, c.n, c.m); err == nil {
			t.Errorf("%d of %d: got no error", c.m, c.n)
		}
	}
	if _, err := vault.SplitKeyFile(path+".none", 3, 2); err == nil {
		t.Error("no key file: got no error")
	}
}

// TestJoinRefuses: each set that does not bring the file back is refused in a sentence that names the file, and never
// repeats what is in it.
func TestJoinRefuses(t *testing.T) {
	shares, _ := split(t, 5, 3)
	other, _ := split(t, 5, 3)
	change := func(i int, old, new string) vault.KeyShare {
		return vault.KeyShare{Name: "changed", Text: []byte(strings.Replace(string(shares[i].Text), old, new, 1))}
	}
	line := func(s vault.KeyShare, n int) string { return strings.Split(string(s.Text), "\n")[n] }
	for _, c := range []struct {
		name, want string
		shares     []vault.KeyShare
	}{
		{"none", "name the files", nil},
		{"too few", "3 of 5 shares are needed and 2 are here: bring 1 more", shares[:2]},
		{"the same twice", "are the same share", []vault.KeyShare{shares[0], shares[1], shares[0]}},
		{"of another set", shares[0].Name + " and " + other[2].Name + " are of different splittings", []vault.KeyShare{shares[0], shares[1], other[2]}},
		{"no share", "changed is no share", []vault.KeyShare{{Name: "changed", Text: []byte("hello\n")}}},
		{"empty", "changed is cut short", []vault.KeyShare{{Name: "changed"}}},
		{"cut short", "changed is cut short", []vault.KeyShare{shares[0], {Name: "changed", Text: shares[1].Text[:bytes.Index(shares[1].Text, []byte("index"))]}}},
		{"a line missing", "changed is damaged", []vault.KeyShare{change(0, line(shares[0], 3)+"\n", "")}},
		{"another index", "changed is damaged", []vault.KeyShare{change(0, "index 1", "index 4")}},
		{"another threshold", "changed is damaged", []vault.KeyShare{change(0, "threshold 3", "threshold 2")}},
		{"another value", "changed is damaged", []vault.KeyShare{change(0, line(shares[0], 5), line(shares[1], 5))}},
		{"more behind", "changed has something after", []vault.KeyShare{{Name: "changed", Text: append(bytes.Clone(shares[0].Text), "more"...)}}},
		{"too long", "changed is too long", []vault.KeyShare{{Name: "changed", Text: bytes.Repeat([]byte("x"), 200<<10)}}},
		{"too many", "at most 32", make([]vault.KeyShare, 33)},
		{"a value of another set under a right check", "one of them was altered", []vault.KeyShare{shares[0], shares[1], withSecret(other[2], shares[2])}},
		{"a value that is no scalar", "forged is damaged", []vault.KeyShare{shares[0], shares[1],
			withLine(shares[2], 5, "share "+strings.Repeat("/", 42)+"8=")}},
		{"another sealed file", "do not carry the same key file", []vault.KeyShare{shares[0], shares[1], withLine(shares[2], 6, line(other[2], 6))}},
	} {
		_, err := vault.JoinKeyShares(c.shares)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
			continue
		}
		if text := line(shares[0], 5)[6:]; strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error repeats a share: %v", c.name, err)
		}
	}
	if got := fmt.Sprintf("%v %#v", shares[0], shares[0]); got != "[redacted] [redacted]" {
		t.Errorf("a share prints as %s", got)
	}
}

// withSecret puts the secret of one share into another, with a check that is right.
func withSecret(secret, into vault.KeyShare) vault.KeyShare {
	return withLine(into, 5, strings.Split(string(secret.Text), "\n")[5])
}

// withLine replaces a line of a share and makes the check right again.
func withLine(s vault.KeyShare, n int, line string) vault.KeyShare {
	lines := strings.Split(string(s.Text), "\n")
	lines[n] = line
	above := strings.Join(lines[:7], "\n") + "\n"
	return vault.KeyShare{Name: "forged", Text: []byte(above + "check " + shareCheckOf(above) + "\n")}
}

// shareCheckOf is the last line of a share over the lines above it.
func shareCheckOf(lines string) string {
	sum := sha256.Sum256([]byte(lines))
	return hex.EncodeToString(sum[:8])
}

// TestSharesCanBeTyped: white space at the ends and foreign line ends do no harm.
func TestSharesCanBeTyped(t *testing.T) {
	shares, want := split(t, 3, 2)
	typed := []vault.KeyShare{shares[0], {Name: "typed", Text: []byte("  " + strings.ReplaceAll(string(shares[2].Text), "\n", " \r\n") + "\n\n")}}
	got, err := vault.JoinKeyShares(typed)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want the key file", len(got), err)
	}
}

// FuzzJoinKeyShares: no text makes it panic, and what opens is a key file.
func FuzzJoinKeyShares(f *testing.F) {
	path := f.TempDir() + "/root.key"
	if err := os.WriteFile(path, []byte(keyMagic+"1 "+keyOnes+"\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	shares, err := vault.SplitKeyFile(path, 2, 2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(shares[1].Text)
	f.Add([]byte("clinivault-root-key-share-v1\nset x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		back, err := vault.JoinKeyShares([]vault.KeyShare{shares[0], {Name: "fuzzed", Text: text}})
		if err == nil && !bytes.HasPrefix(back, []byte(keyMagic)) {
			t.Errorf("%q opens %q", text, back)
		}
	})
}
