package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func (b *bench) signInArgs(more ...string) []string {
	return append([]string{"sign-in", "--server", b.server.URL, "--login", "clin", "--password-file", filepath.Join(b.files, "password"),
		"--ca", filepath.Join(b.files, "ca.pem")}, more...)
}

func TestSignInWithASecondFactor(t *testing.T) {
	both := []string{"code", "recovery"}
	tests := []struct {
		name, typed, file string
		ways              []string
		code              int
		says              string
	}{
		{"from a file", "", "123456\n", both, exitDone, "signed in as clin"},
		{"typed", "123456\n", "", both, exitDone, "signed in as clin"},
		{"typed without an end", " 123456", "", both, exitDone, "signed in as clin"},
		{"wrong", "654321\n", "", both, exitFailed, "wrong or was used before"},
		{"nothing typed", "\n", "", both, exitFailed, "a code is needed"},
		{"nobody there", "", "", both, exitFailed, "--code-file"},
		{"a passkey only", "123456\n", "", []string{"passkey"}, exitFailed, "add an authenticator app"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.server.ways = tt.ways
			args := b.signInArgs()
			if tt.file != "" {
				args = b.signInArgs("--code-file", b.file("code", tt.file, 0o600))
			}
			code, stdout, stderr := b.run(tt.typed, args...)
			if code != tt.code || !strings.Contains(stdout+stderr, tt.says) {
				t.Errorf("typed %q: got code %d, said %q, want %d and %q", tt.typed, code, stdout+stderr, tt.code, tt.says)
			}
			_, err := os.Stat(filepath.Join(b.state, "clinivault", accountFile))
			if kept := err == nil; kept != (tt.code == exitDone) {
				t.Errorf("a session was kept: %v", kept)
			}
		})
	}
	t.Run("an open code file", func(t *testing.T) {
		b := newBench(t)
		b.server.ways = both
		b.must(exitFailed, []string{"code file is readable by others"}, b.signInArgs("--code-file", b.file("code", "123456", 0o644))...)
	})
}

func TestSignOut(t *testing.T) {
	b := newBench(t)
	b.must(exitFailed, []string{"not signed in here"}, "sign-out")
	b.signIn()
	b.must(exitDone, []string{"signed out clin"}, "sign-out")
	if b.server.signedOut != 1 {
		t.Errorf("the server ended %d sessions, want 1", b.server.signedOut)
	}
	b.must(exitFailed, []string{"not signed in here"}, "sign-out")
	b.signIn()
	b.server.expired = true
	b.must(exitDone, []string{"signed out clin"}, "sign-out")
	b.signIn()
	b.server.Close()
	b.must(exitFailed, []string{"goes on at the server"}, "sign-out")
	b.must(exitFailed, []string{"not signed in here"}, "sign-out")
	b.must(exitUsage, []string{"no arguments"}, "sign-out", "now")
}

// A server that wants more of who is signed in does not refuse the photo: it stays, and goes after signing in.
func TestWhatASessionLacksKeepsThePhotoWaiting(t *testing.T) {
	for kind, says := range needsFactor {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			b.signIn()
			body := `{"type":"urn:problem-type:clinivault:` + kind + `","detail":"More is wanted."}`
			b.server.faults = []func(http.ResponseWriter){answerWith(http.StatusForbidden, body)}
			path, _ := b.photo(2000)
			b.must(exitWaiting, []string{says, "stays sealed"}, sendArgs(path)...)
			b.must(exitDone, []string{"received"}, "flush")
		})
	}
}
