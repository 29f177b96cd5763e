package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func sendArgs(more ...string) []string {
	return append([]string{"send", "--patient", "1001", "--site", "forearm", "--side", "left"}, more...)
}

func TestSend(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path, content := b.photo(200_000)
	b.must(exitDone, []string{"sealed as capture", "received as photo", "Testa Patient", "1970-01-02", "delete " + path},
		sendArgs("--consent", "record,teaching", "--note", "second look", "--encounter", "Ward 3", path)...)
	if names := b.queued(); len(names) != 0 {
		t.Errorf("the queue still holds %q", names)
	}
	if len(b.server.got) != 1 {
		t.Fatalf("the server has %d captures, want 1", len(b.server.got))
	}
	for _, got := range b.server.got {
		f := got.facts
		if string(got.picture) != content {
			t.Error("the picture came out different")
		}
		if f.Patient != "PATIENTAAAAAAAAAAAAAAAAAAA" || f.BodySite != "forearm" || f.Laterality != "left" || f.Note != "second look" ||
			f.Encounter != "ENC1" || f.Author != "PERSON1" || f.MediaType != "image/jpeg" || time.Since(f.TakenAt) > time.Minute ||
			!f.Consent.Record || !f.Consent.Teaching || f.Consent.Publication {
			t.Errorf("facts %+v", f)
		}
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != content {
		t.Errorf("the original file was touched: %v", err)
	}
	b.must(exitDone, []string{"nothing is waiting"}, "queue")
	b.must(exitDone, []string{"nothing is waiting to be sent"}, "flush")
}

func TestSendFromStdinByID(t *testing.T) {
	b := newBench(t)
	b.signIn()
	code, stdout, stderr := b.run(onePNG, "send", "--patient", "PATIENTAAAAAAAAAAAAAAAAAAA", "--site", "neck",
		"--taken-at", "2026-01-02T03:04:05Z", "-")
	if code != exitDone || !strings.Contains(stdout, "received as photo") || strings.Contains(stdout, "original file") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, got := range b.server.got {
		if got.facts.MediaType != "image/png" || got.facts.TakenAt.Format(time.RFC3339) != "2026-01-02T03:04:05Z" {
			t.Errorf("facts %+v", got.facts)
		}
	}
}

func TestQueueHoldsCiphertextOnly(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path, content := b.photo(100_000)
	b.server.faults = []func(http.ResponseWriter){busy("90")}
	b.must(exitWaiting, []string{"stays sealed", "capture flush later"}, sendArgs("--note", "secret note", path)...)
	if names := b.queued(); len(names) != 2 {
		t.Fatalf("the queue holds %q, want a sealed file and its note", names)
	}
	forbidden := []string{content[:40], content[50_000:50_040], "PLAINTEXT", "Testa", "1970-01-02", "secret note", "forearm", "PATIENTA", `"1001"`}
	err := filepath.WalkDir(b.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 && path != b.state {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		all, err := os.ReadFile(path)
		for _, s := range forbidden {
			if s == "forearm" && bytes.Contains(all, []byte(`"neck"`)) { // the server's list of sites, whole
				continue
			}
			if bytes.Contains(all, []byte(s)) {
				t.Errorf("%s holds %q", path, s)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.must(exitDone, []string{"sealed", "1 tries"}, "queue")
	b.must(exitDone, []string{"received as photo"}, "flush")
	if names := b.queued(); len(names) != 0 {
		t.Errorf("the queue still holds %q", names)
	}
}

func busy(after string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"detail":"The store is down."}`)
	}
}

func answerWith(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestFaultsOnTheWay(t *testing.T) {
	abort := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	tests := []struct {
		name   string
		faults []func(http.ResponseWriter)
		code   int
		says   string
		posts  int
		left   int // files in the queue
	}{
		{"none", nil, exitDone, "received", 1, 0},
		{"busy for a moment", []func(http.ResponseWriter){busy("2"), busy("")}, exitDone, "received", 3, 0},
		{"busy for long", []func(http.ResponseWriter){busy("600")}, exitWaiting, "store is down", 1, 2},
		{"busy thrice", []func(http.ResponseWriter){busy(""), busy(""), busy("")}, exitWaiting, "store is down", 3, 2},
		{"connection broken once", []func(http.ResponseWriter){abort}, exitDone, "received", 2, 0},
		{"connection broken", []func(http.ResponseWriter){abort, abort, abort}, exitWaiting, "does not answer", 3, 2},
		{"session ended", []func(http.ResponseWriter){answerWith(401, "{}")}, exitWaiting, "run capture sign-in, then capture flush", 1, 2},
		{"not found", []func(http.ResponseWriter){answerWith(404, `{"detail":"No such patient."}`)}, exitRefused, "No such patient.", 1, 2},
		{"other bytes", []func(http.ResponseWriter){answerWith(409, "")}, exitRefused, "refused (409)", 1, 2},
		{"too large", []func(http.ResponseWriter){answerWith(413, "<html>")}, exitRefused, "refused (413)", 1, 2},
		{"digest", []func(http.ResponseWriter){answerWith(422, `{"detail":"a\u001b[2Jb"}`)}, exitRefused, "a [2Jb", 1, 2},
		{"redirected", []func(http.ResponseWriter){func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, busy("600")}, exitWaiting, "stays sealed", 2, 2},
		{"no receipt", []func(http.ResponseWriter){answerWith(201, "OK")}, exitWaiting, "no receipt", 1, 2},
		{"receipt of nothing", []func(http.ResponseWriter){answerWith(201, "{}")}, exitWaiting, "no receipt", 1, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.signIn()
			b.server.faults = tt.faults
			path, _ := b.photo(1000)
			b.must(tt.code, []string{tt.says}, sendArgs(path)...)
			if b.server.posts != tt.posts {
				t.Errorf("%d uploads, want %d", b.server.posts, tt.posts)
			}
			if names := b.queued(); len(names) != tt.left {
				t.Errorf("the queue holds %q, want %d files", names, tt.left)
			}
		})
	}
}

func TestForgedReceiptKeepsThePhoto(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path, _ := b.photo(1000)
	b.server.forge = true
	b.must(exitWaiting, []string{"receipt could not be verified"}, sendArgs(path)...)
	if len(b.server.got) != 1 || len(b.queued()) != 2 {
		t.Fatalf("%d at the server, queue %q", len(b.server.got), b.queued())
	}
	b.server.forge = false
	b.must(exitDone, []string{"received as photo"}, "flush")
	if len(b.server.got) != 1 || len(b.queued()) != 0 {
		t.Errorf("%d at the server, queue %q; want 1 and none", len(b.server.got), b.queued())
	}
}

func TestRefusedPhotoGoesOnlyWhenAsked(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path, _ := b.photo(1000)
	b.server.faults = []func(http.ResponseWriter){answerWith(404, "{}")}
	b.must(exitRefused, []string{"stays in the queue"}, sendArgs(path)...)
	b.must(exitDone, []string{"nothing is waiting to be sent"}, "flush")
	b.must(exitDone, []string{"failed"}, "queue")
	b.must(exitDone, []string{"received as photo"}, "flush", "--failed")
}

func TestSessionEndsWhileWaiting(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path, _ := b.photo(1000)
	b.server.faults = []func(http.ResponseWriter){busy("600")}
	b.must(exitWaiting, nil, sendArgs(path)...)
	b.server.expired = true
	b.must(exitWaiting, []string{"run capture sign-in"}, "flush")
	b.must(exitFailed, []string{"nothing was sealed: run capture sign-in"}, sendArgs(path)...)
	b.signIn()
	b.must(exitDone, []string{"received as photo"}, "flush")
}

func TestOthersPhotosStay(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path, _ := b.photo(1000)
	b.server.faults = []func(http.ResponseWriter){busy("600")}
	b.must(exitWaiting, nil, sendArgs(path)...)
	a, err := loadAccount(filepath.Join(b.state, "clinivault"))
	if err != nil {
		t.Fatal(err)
	}
	a.Person = "PERSON2"
	if err := a.save(filepath.Join(b.state, "clinivault")); err != nil {
		t.Fatal(err)
	}
	b.must(exitDone, []string{"nothing is waiting to be sent"}, "flush")
	if len(b.queued()) != 2 {
		t.Errorf("the queue holds %q, want the other's photo", b.queued())
	}
}

func TestNothingIsSealed(t *testing.T) {
	b := newBench(t)
	path, _ := b.photo(1000)
	b.must(exitFailed, []string{"run capture sign-in first"}, sendArgs(path)...)
	b.signIn()
	text := b.file("notes.txt", "just text, long enough", 0o600)
	empty := b.file("empty.jpg", "", 0o600)
	big := b.file("big.jpg", "\xff\xd8\xff"+strings.Repeat("x", maxPhoto), 0o600)
	tests := []struct {
		name string
		code int
		says string
		args []string
	}{
		{"no patient", exitUsage, "--patient", []string{"send", "--site", "neck", path}},
		{"no site", exitUsage, "--site", []string{"send", "--patient", "1001", path}},
		{"no photo", exitUsage, "the photos", sendArgs()},
		{"standard input among others", exitUsage, "standard input is one photo", sendArgs(path, "-")},
		{"unknown way", exitUsage, "--transport takes", sendArgs("--transport", "pigeon", path)},
		{"unknown flag", exitUsage, "gps", sendArgs("--gps", path)},
		{"unknown consent", exitUsage, "--consent", sendArgs("--consent", "record,sale", path)},
		{"no consent", exitUsage, "must include record", sendArgs("--consent", "teaching", path)},
		{"future", exitUsage, "past time", sendArgs("--taken-at", "2999-01-01T00:00:00Z", path)},
		{"part of a number", exitFailed, "give the whole record number", []string{"send", "--patient", "100", "--site", "neck", path}},
		{"a name", exitFailed, "give the whole record number", []string{"send", "--patient", "Testa", "--site", "neck", path}},
		{"nobody", exitFailed, "no patient of your care team", []string{"send", "--patient", "7", "--site", "neck", path}},
		{"unknown ID", exitFailed, "no patient of your care team", []string{"send", "--patient", "PATIENTZZZZZZZZZZZZZZZZZZZ", "--site", "neck", path}},
		{"unknown site", exitFailed, "use one of forearm, neck", []string{"send", "--patient", "1001", "--site", "tail", path}},
		{"side missing", exitFailed, "needs --side", []string{"send", "--patient", "1001", "--site", "forearm", path}},
		{"side too much", exitFailed, "takes no --side", []string{"send", "--patient", "1001", "--site", "neck", "--side", "left", path}},
		{"unknown encounter", exitFailed, "ENC1 (Ward 3)", sendArgs("--encounter", "x", path)},
		{"no encounters", exitFailed, "leave --encounter out", []string{"send", "--patient", "10012", "--site", "neck", "--encounter", "x", path}},
		{"long note", exitFailed, "note must be", sendArgs("--note", strings.Repeat("x", 2001), path)},
		{"no such file", exitFailed, "opening the photo", sendArgs(path + "x")},
		{"a text file", exitFailed, "not a JPEG", sendArgs(text)},
		{"an empty file", exitFailed, "not a JPEG", sendArgs(empty)},
		{"a huge file", exitFailed, "larger than 32 MiB", sendArgs(big)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.must(tt.code, []string{tt.says}, tt.args...)
			if names := b.queued(); len(names) != 0 {
				t.Errorf("the queue holds %q", names)
			}
		})
	}
	if b.server.posts != 0 {
		t.Errorf("%d uploads, want none", b.server.posts)
	}
}

func TestSignIn(t *testing.T) {
	b := newBench(t)
	good := []string{"--server", b.server.URL, "--login", "clin", "--password-file", filepath.Join(b.files, "password"), "--ca", filepath.Join(b.files, "ca.pem")}
	with := func(i int, v string) []string {
		args := append([]string{"sign-in"}, good...)
		args[i+2] = v
		return args
	}
	tests := []struct {
		name string
		code int
		says string
		args []string
	}{
		{"nothing", exitUsage, "sign-in needs", []string{"sign-in"}},
		{"plain http", exitUsage, "over https", with(0, "http://vault.example.org")},
		{"no address", exitUsage, "an address like", with(0, "vault")},
		{"password in the address", exitUsage, "an address like", with(0, "https://a:b@vault.example.org")},
		{"wrong login", exitFailed, "Login or password is wrong.", with(2, "nobody")},
		{"no password file", exitFailed, "password file", with(4, filepath.Join(b.files, "none"))},
		{"open password file", exitFailed, "readable by others", with(4, b.file("open", "x", 0o644))},
		{"empty password file", exitFailed, "empty", with(4, b.file("void", "\n", 0o600))},
		{"huge password file", exitFailed, "longer than a password", with(4, b.file("huge", strings.Repeat("x", 2000), 0o600))},
		{"no certificate", exitFailed, "no certificate", with(6, filepath.Join(b.files, "password"))},
		{"unknown authority", exitFailed, "does not answer", append([]string{"sign-in"}, good[:6]...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.must(tt.code, []string{tt.says}, tt.args...)
			if _, err := os.Stat(filepath.Join(b.state, "clinivault", accountFile)); err == nil {
				t.Error("a session was kept")
			}
		})
	}
	b.signIn()
	info, err := os.Stat(filepath.Join(b.state, "clinivault", accountFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("session file: %v, %v; want mode 0600", info.Mode(), err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		a, err := loadAccount(filepath.Join(b.state, "clinivault"))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf(verb, a); strings.Contains(got, "secret-token") {
			t.Errorf("%s prints the token", verb)
		}
	}
}

func TestUsage(t *testing.T) {
	b := newBench(t)
	b.must(exitUsage, []string{"capture seals photos"})
	b.must(exitUsage, []string{"capture seals photos"}, "shoot")
	b.must(exitDone, []string{"capture seals photos"}, "help")
	b.must(exitDone, []string{"capture seals photos"}, "send", "-h")
	b.must(exitUsage, []string{"no arguments"}, "queue", "x")
	b.must(exitUsage, []string{"no arguments"}, "flush", "x")
}
