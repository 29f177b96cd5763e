package vault_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// TestKeyFileIsRotatedBesideTheServer: what one process changes in the file, another sees at its next call; older
// versions open until they are forgotten, and then nowhere.
func TestKeyFileIsRotatedBesideTheServer(t *testing.T) {
	path := writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600)
	server, command := must(vault.OpenKeyFile(path, false))(t), must(vault.OpenKeyFile(path, false))(t)
	key, aad := seal.NewKey(), []byte("aad")
	old, _, err := server.Wrap(t.Context(), key, aad)
	ok(t, err)
	if newest := must(command.Rotate(t.Context()))(t); newest != 2 {
		t.Fatalf("Rotate: got version %d, want 2", newest)
	}
	wrapped, version, err := server.Wrap(t.Context(), key, aad)
	if err != nil || version != 2 {
		t.Fatalf("the server wraps under version %d, %v; want 2", version, err)
	}
	for _, k := range []*vault.KeyFile{server, command, must(vault.OpenKeyFile(path, false))(t)} {
		if got, err := k.Unwrap(t.Context(), wrapped, 2, aad); err != nil || got != key {
			t.Errorf("Unwrap of version 2: %v, or another key", err)
		}
		if got, err := k.Unwrap(t.Context(), old, 1, aad); err != nil || got != key {
			t.Errorf("Unwrap of version 1: %v, or another key", err)
		}
	}
	ok(t, command.Forget(t.Context(), 9)) // the newest stays, whatever is asked for
	_, err = server.Unwrap(t.Context(), old, 1, aad)
	wants(t, "a forgotten version", err, vault.ErrNotFound)
	if oldest, newest, err := server.Versions(t.Context()); oldest != 2 || newest != 2 || err != nil {
		t.Errorf("Versions: %d to %d, %v; want 2 to 2", oldest, newest, err)
	}
	if text := string(must(os.ReadFile(path))(t)); strings.Contains(text, keyOnes) || strings.Count(text, "\n") != 3 || !strings.Contains(text, "\n1 forgotten ") {
		t.Error("the forgotten version is still in the file")
	}
	info, err := os.Stat(path)
	ok(t, err)
	if left, _ := filepath.Glob(path + "*"); info.Mode().Perm() != 0o600 || len(left) != 1 {
		t.Errorf("mode %v, beside it %q; want 0600 and nothing", info.Mode(), left)
	}
}

// TestForgottenBesideASleepingServer: a process that did not look at the file between a rotation and the forgetting of all
// that it has knows the file by the marks, again and again, and takes no other for it.
func TestForgottenBesideASleepingServer(t *testing.T) {
	for _, rounds := range []int{1, 3} {
		t.Run(fmt.Sprint(rounds), func(t *testing.T) {
			path := writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600)
			sleeping, command := must(vault.OpenKeyFile(path, false))(t), must(vault.OpenKeyFile(path, false))(t)
			for range rounds {
				newest := must(command.Rotate(t.Context()))(t)
				ok(t, command.Forget(t.Context(), newest))
			}
			ok(t, sleeping.Ping(t.Context()))
			key := seal.NewKey()
			wrapped, version, err := sleeping.Wrap(t.Context(), key, nil)
			if err != nil || int(version) != rounds+1 {
				t.Fatalf("Wrap: got version %d, %v; want %d", version, err, rounds+1)
			}
			got, err := command.Unwrap(t.Context(), wrapped, version, nil)
			if err != nil || got != key {
				t.Errorf("Unwrap by the other process: another key, %v", err)
			}
		})
	}
	for name, text := range map[string]string{
		"another's mark":         "1 forgotten " + keyTwos + "\n2 " + keyTwos + "\n",
		"the key as its mark":    "1 forgotten " + keyOnes + "\n2 " + keyTwos + "\n",
		"the mark of no key":     "3 forgotten " + keyTwos + "\n4 " + keyTwos + "\n",
		"a mark and no version":  "1 forgotten " + keyOnes + "\n",
		"a version and its mark": "1 forgotten " + keyOnes + "\n1 " + keyOnes + "\n",
	} {
		path := writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600)
		k := must(vault.OpenKeyFile(path, false))(t)
		ok(t, os.WriteFile(path, []byte(keyMagic+text), 0o600))
		if err := k.Ping(t.Context()); err == nil {
			t.Errorf("%s: Ping took the file", name)
		}
		if _, version, err := k.Wrap(t.Context(), seal.NewKey(), nil); version != 1 || err != nil {
			t.Errorf("%s: it wraps under version %d, %v; want 1", name, version, err)
		}
	}
}

// TestForgottenMarksHaveABound: the file does not grow with each version that it ever had.
func TestForgottenMarksHaveABound(t *testing.T) {
	path := writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600)
	k := must(vault.OpenKeyFile(path, false))(t)
	for range 70 {
		newest := must(k.Rotate(t.Context()))(t)
		ok(t, k.Forget(t.Context(), newest))
	}
	text := string(must(os.ReadFile(path))(t))
	if strings.Count(text, " forgotten ") != 64 || !strings.Contains(text, "\n70 forgotten ") || !strings.Contains(text, "\n71 ") {
		t.Errorf("the file has %d marks in %d lines, want the newest 64 and version 71", strings.Count(text, " forgotten "), strings.Count(text, "\n"))
	}
}

// TestKeyFileThatGoesBad: a file that is gone, damaged or another vault's does not reach a running process, which says
// so; nothing is wrapped under a foreign key.
func TestKeyFileThatGoesBad(t *testing.T) {
	for _, c := range []struct {
		name, want string
		spoil      func(path string) error
	}{
		{"gone", "is gone", os.Remove},
		{"damaged", "damaged in line 2", func(path string) error { return os.WriteFile(path, []byte(keyMagic+"1 x\n"), 0o600) }},
		{"another vault's", "another vault", func(path string) error {
			return os.WriteFile(path, []byte(keyMagic+"1 "+keyTwos+"\n"), 0o600)
		}},
		{"another's with a newer version", "another vault", func(path string) error {
			return os.WriteFile(path, []byte(keyMagic+"2 "+keyTwos+"\n"), 0o600)
		}},
		{"readable by others", "chmod 600", func(path string) error { return os.Chmod(path, 0o644) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600)
			good := must(os.ReadFile(path))(t)
			k := must(vault.OpenKeyFile(path, false))(t)
			ok(t, k.Ping(t.Context()))
			before, _, err := k.Wrap(t.Context(), seal.NewKey(), nil)
			ok(t, err)
			ok(t, c.spoil(path))
			if err := k.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Ping: got %v, want an error with %q", err, c.want)
			}
			_, err = k.Unwrap(t.Context(), before, 1, nil)
			ok(t, err)
			during, version, err := k.Wrap(t.Context(), seal.NewKey(), nil)
			if ok(t, err); version != 1 {
				t.Errorf("it wraps under version %d, want 1", version)
			}
			if _, err := k.Rotate(t.Context()); err == nil {
				t.Error("Rotate wrote over a file that is not its own")
			}
			ok(t, os.RemoveAll(path))
			ok(t, os.WriteFile(path, good, 0o600))
			ok(t, k.Ping(t.Context()))
			_, err = must(vault.OpenKeyFile(path, false))(t).Unwrap(t.Context(), during, 1, nil)
			wants(t, "what was wrapped meanwhile, with the good file", err, nil)
		})
	}
}

// TestOlderCopyOfAKeyFile: a copy from before a rotation, put over the file, takes no version from a running process, and
// no other key gets the number of a version that keys are wrapped under.
func TestOlderCopyOfAKeyFile(t *testing.T) {
	path := writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600)
	older := must(os.ReadFile(path))(t)
	server, command := must(vault.OpenKeyFile(path, false))(t), must(vault.OpenKeyFile(path, false))(t)
	must(command.Rotate(t.Context()))(t)
	newer := must(os.ReadFile(path))(t)
	wrapped, version, err := server.Wrap(t.Context(), seal.NewKey(), nil)
	ok(t, err)
	ok(t, os.WriteFile(path, older, 0o600))
	if err := server.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "an older copy without version 2") {
		t.Errorf("Ping: got %v, want an error that names the older copy", err)
	}
	_, err = server.Unwrap(t.Context(), wrapped, version, nil)
	wants(t, "what the lost version wraps", err, nil)
	for name, k := range map[string]*vault.KeyFile{"the server": server, "the command": command} {
		_, err := k.Rotate(t.Context())
		wants(t, "Rotate of "+name, err, vault.ErrConflict)
	}
	ok(t, os.WriteFile(path, newer, 0o600))
	ok(t, server.Ping(t.Context()))
	must(server.Rotate(t.Context()))(t)
}

// TestKeyFileBehindALink: the file changes where it is, and the link stays one.
func TestKeyFileBehindALink(t *testing.T) {
	path, link := writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600), filepath.Join(t.TempDir(), "root.key")
	ok(t, os.Symlink(path, link))
	k := must(vault.OpenKeyFile(link, false))(t)
	must(k.Rotate(t.Context()))(t)
	ok(t, k.Forget(t.Context(), 2))
	if text := string(must(os.ReadFile(path))(t)); strings.Contains(text, keyOnes) || !strings.Contains(text, "\n2 ") {
		t.Error("the file behind the link was left as it was")
	}
	if info := must(os.Lstat(link))(t); info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is now %v", info.Mode())
	}
}

// TestKeyFileRotatedByManyAtOnce: no version is lost and none is made twice.
func TestKeyFileRotatedByManyAtOnce(t *testing.T) {
	path := writeKeyFile(t, keyMagic+"1 "+keyOnes+"\n", 0o600)
	made := make(chan uint32, 100)
	var all sync.WaitGroup
	for range 8 {
		k := must(vault.OpenKeyFile(path, false))(t)
		all.Go(func() {
			for range 20 {
				if v, err := k.Rotate(t.Context()); err == nil {
					made <- v
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	go func() { all.Wait(); close(made) }()
	seen := map[uint32]bool{}
	for v := range made {
		if seen[v] {
			t.Errorf("version %d was made twice", v)
		}
		seen[v] = true
	}
	_, newest, err := must(vault.OpenKeyFile(path, false))(t).Versions(t.Context())
	if err != nil || int(newest) != len(seen)+1 || len(seen) == 0 {
		t.Errorf("the file ends at version %d, %v, after %d rotations", newest, err, len(seen))
	}
}

// TestKeyFileHasABound: a file is never made so long that it could not be read.
func TestKeyFileHasABound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	text := []byte(keyMagic)
	for n := range 1240 {
		text = append(text, fmt.Sprintf("1%04d %s\n", n, keyOnes)...)
	}
	ok(t, os.WriteFile(path, text, 0o600))
	k := must(vault.OpenKeyFile(path, false))(t)
	var err error
	for n := 0; err == nil && n < 100; n++ {
		_, err = k.Rotate(t.Context())
	}
	wants(t, "rotating on and on", err, vault.ErrConflict)
	must(vault.OpenKeyFile(path, false))(t)
}
