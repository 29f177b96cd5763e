package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

const testPatientID = "PATIENTAAAAAAAAAAAAAAAAAAA"

// sendByID is a photo of the patient whose ID is known.
func sendByID(more ...string) []string {
	return append([]string{"send", "--patient", testPatientID, "--site", "neck"}, more...)
}

// goes has the server be away, or come back.
func (s *intakeServer) goes(how func(http.ResponseWriter)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = how
}

func breaks(http.ResponseWriter) { panic(http.ErrAbortHandler) }

// keptPath is the file of the server's keys.
func (b *bench) keptPath() string { return filepath.Join(b.state, "clinivault", keptFile) }

// keeps signs in and has the server's keys kept.
func (b *bench) keeps() {
	b.t.Helper()
	b.signIn()
	path, _ := b.photo(500)
	b.must(exitDone, []string{"received as photo"}, sendByID(path)...)
}

// TestSendWithoutServer: photos of a patient whose ID is known are sealed with the kept key, from a file and from a scanner,
// and received once the server is back.
func TestSendWithoutServer(t *testing.T) {
	for name, gone := range map[string]func(http.ResponseWriter){"no answer": breaks, "out of order": answerWith(502, "<html>")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.keeps()
			if info, err := os.Stat(b.keptPath()); err != nil || openToOthers(info) {
				t.Errorf("the kept keys: %v, %v; want a file for this user alone", info, err)
			}
			b.server.goes(gone)
			path, content := b.photo(2000)
			said := []string{"sealing in the name of clin, with the key fetched at " + time.Now().UTC().Format("2006-01-02T"),
				"cannot be shown without the server", "sealed as capture", "stays sealed in the queue: run capture flush later"}
			b.must(exitWaiting, said, sendByID(path)...)
			if code, stdout, stderr := b.run(onePNG, sendByID("-")...); code != exitWaiting || !strings.Contains(stdout, "sealed as capture") {
				t.Fatalf("from a scanner: exit code %d\n%s%s", code, stdout, stderr)
			}
			if names := b.queued(); len(names) != 4 {
				t.Fatalf("the queue holds %q, want two sealed photos and their notes", names)
			}
			b.server.goes(nil)
			b.must(exitDone, []string{"received as photo"}, "flush")
			for _, picture := range []string{content, onePNG} {
				if n, of := b.server.has([]byte(picture)); n != 1 || of != testPatientID {
					t.Errorf("received %d times, of %q; want once, of the patient", n, of)
				}
			}
		})
	}
}

// TestSendTakesAlong: a send that comes through sends what waits from before too; how that goes is not how its own photo goes.
func TestSendTakesAlong(t *testing.T) {
	b := newBench(t)
	b.keeps()
	for range 2 {
		b.server.faults = []func(http.ResponseWriter){busy("600")}
		path, _ := b.photo(3000)
		b.must(exitWaiting, []string{"stays sealed"}, sendByID(path)...)
	}
	path, _ := b.photo(2000)
	b.server.faults = []func(http.ResponseWriter){nil, answerWith(404, `{"detail":"No such patient."}`)}
	code, stdout, stderr := b.run("", sendByID(path)...)
	if code != exitDone || strings.Count(stdout, "received as photo") != 2 || !strings.Contains(stderr, "of what waited before") || !strings.Contains(stderr, "No such patient.") {
		t.Errorf("got exit code %d, said\n%s%swant two photos received and one refused", code, stdout, stderr)
	}
	if names := b.queued(); len(names) != 2 {
		t.Errorf("the queue holds %q, want the refused one", names)
	}
}

// TestWhoIsUnknownWithoutServer: whose photo it is cannot be found out by a record number, and nothing is lost by that.
func TestWhoIsUnknownWithoutServer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.keeps()
	b.server.goes(breaks)
	path, content := b.photo(2000)
	b.must(exitFailed, []string{"--patient takes the patient's ID alone", "nothing was sealed, and the originals are untouched",
		"connect this machine to the network and run it again"}, sendArgs(path)...)
	if code, stdout, stderr := b.run(onePNG, sendArgs("-")...); code != exitFailed || !strings.Contains(stderr, "nothing was sealed: have the photo sent again") ||
		strings.Contains(stdout+stderr, "sealing in the name") {
		t.Errorf("from a scanner: got exit code %d, said %s%s", code, stdout, stderr)
	}
	b.must(exitFailed, []string{"use one of forearm, neck"}, "send", "--patient", testPatientID, "--site", "tail", path)
	b.must(exitFailed, []string{"--encounter takes the encounter's ID alone"}, sendByID("--encounter", "Ward 3", path)...)
	b.must(exitWaiting, []string{"sealed as capture"}, sendByID("--encounter", strings.Repeat("E", 26), path)...)
	if got, err := os.ReadFile(path); err != nil || string(got) != content || len(b.queued()) != 2 {
		t.Errorf("the original: %v; the queue holds %q, want the one with an encounter's ID", err, b.queued())
	}
	b.server.goes(answerWith(404, "{}"))
	b.must(exitFailed, []string{"the server refused (404)"}, sendByID(path)...) // it is there
}

// TestFreshKeysFirst: a key that the server gives counts, whatever was kept.
func TestFreshKeysFirst(t *testing.T) {
	b := newBench(t)
	b.keeps()
	var err error
	if b.server.intake, err = seal.NewIntake(2); err != nil {
		t.Fatal(err)
	}
	path, _ := b.photo(2000)
	b.must(exitDone, []string{"received as photo"}, sendByID(path)...) // the server opens with the new one alone
	k, err := readKept(b.keptPath())
	if err != nil || k.Intake.Epoch != 2 {
		t.Errorf("kept %d, %v; want the new epoch", k.Intake.Epoch, err)
	}
}

// TestFreshKeysRefused: a server that answers, but with a key that cannot be sealed to, is not got round with a kept one.
func TestFreshKeysRefused(t *testing.T) {
	b := newBench(t)
	b.keeps()
	vault := b.server.Config.Handler
	b.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/intake" {
			answerWith(200, `{"epoch":3,"kem":"`+seal.KEMName+`","key":"AAAA","receipt_keys":[]}`)(w)
			return
		}
		vault.ServeHTTP(w, r)
	})
	path, _ := b.photo(2000)
	b.must(exitFailed, []string{"no usable sealing key: tell your IT team; nothing was sealed"}, sendByID(path)...)
	if names := b.queued(); len(names) != 0 {
		t.Errorf("the queue holds %q", names)
	}
}

// TestKeptKeysRefused: what is kept is asked as much of as a fresh answer; and it is of this server, and not too old.
func TestKeptKeysRefused(t *testing.T) {
	t.Parallel()
	change := func(how func(*keptAnswer)) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			k, err := readKept(path)
			check(t, err)
			how(&k)
			text, err := json.Marshal(k)
			check(t, err)
			check(t, os.WriteFile(path, text, 0o600))
		}
	}
	aged := func(age time.Duration) func(*testing.T, string) {
		return change(func(k *keptAnswer) { k.At = time.Now().Add(-age) })
	}
	tests := []struct {
		name string
		does func(t *testing.T, path string)
		says string // empty: it is sealed
	}{
		{"almost 7 days", aged(keysFor - time.Hour), ""},
		{"more than 7 days", aged(keysFor + time.Minute), "more than 7 days ago, and is too old"},
		{"a clock that was set back", aged(-time.Hour), "set the clock"},
		{"no time", change(func(k *keptAnswer) { k.At = time.Time{} }), "damaged"},
		{"another server", change(func(k *keptAnswer) { k.Server = "https://other.example" }), "no sealing key of this server"},
		{"another seal", change(func(k *keptAnswer) { k.Intake.KEM = "DHKEM-X25519" }), "a newer seal"},
		{"no epoch", change(func(k *keptAnswer) { k.Intake.Epoch = 0 }), "no usable sealing key"},
		{"a short key", change(func(k *keptAnswer) { k.Intake.Key = k.Intake.Key[1:] }), "no usable sealing key"},
		{"no receipt key", change(func(k *keptAnswer) { k.Intake.ReceiptKeys = nil }), "no usable sealing key"},
		{"another receipt key", change(func(k *keptAnswer) { k.Intake.ReceiptKeys[0].PublicKey[0] ^= 1 }), "no usable sealing key"},
		{"no body sites", change(func(k *keptAnswer) { k.BodySites = nil }), "damaged"},
		{"cut short", func(t *testing.T, path string) { check(t, os.Truncate(path, 100)) }, "damaged"},
		{"open to others", func(t *testing.T, path string) { check(t, os.Chmod(path, 0o644)) }, "open to others"},
		{"none", func(t *testing.T, path string) { check(t, os.Remove(path)) }, "no sealing key is kept here yet"},
	}
	b := newBench(t)
	b.keeps()
	b.server.goes(breaks)
	path, _ := b.photo(2000)
	before, err := os.ReadFile(b.keptPath())
	check(t, err)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			check(t, os.WriteFile(b.keptPath(), before, 0o600))
			check(t, os.Chmod(b.keptPath(), 0o600))
			tt.does(t, b.keptPath())
			if tt.says == "" {
				b.must(exitWaiting, []string{"sealed as capture"}, sendByID(path)...)
				check(t, os.RemoveAll(filepath.Join(b.state, "clinivault", "queue")))
				return
			}
			b.must(exitFailed, []string{tt.says, "nothing was sealed", "connect this machine"}, sendByID(path)...)
			if names := b.queued(); len(names) != 0 {
				t.Errorf("the queue holds %q", names)
			}
		})
	}
}

// TestKeptClock: a clock that is wrong by a day stays known without the server, for the photo's time and the key's age.
func TestKeptClock(t *testing.T) {
	t.Parallel()
	const off = -24 * time.Hour
	b := newBench(t)
	right := b.server.Config.Handler
	b.server.Config.Handler = withDate(right, off)
	b.keeps()
	b.server.goes(breaks)
	path, content := b.photo(2000)
	b.must(exitWaiting, []string{"clock is 24h0m0s ahead of the server's"}, sendByID(path)...)
	b.server.goes(nil)
	b.must(exitDone, []string{"received as photo"}, "flush")
	for _, got := range b.server.got {
		if d := got.facts.TakenAt.Sub(time.Now().Add(off)); string(got.picture) == content && d.Abs() > time.Minute {
			t.Errorf("the photo's time is %v, want the server's", got.facts.TakenAt)
		}
	}
	b.server.Config.Handler = right // the clock of a server that is out of order still counts before what was kept
	b.server.goes(answerWith(502, ""))
	if code, stdout, stderr := b.run("", sendByID(path)...); code != exitWaiting || strings.Contains(stdout+stderr, "clock is") {
		t.Errorf("once the clock is right: got exit code %d, said %s%s", code, stdout, stderr)
	}
}

// TestWatchBeginsUnseen: a watched folder waits for the server, since a person has to see whose photos they will be, by ID
// and by wristband; who was seen before the server went is photographed on.
func TestWatchBeginsUnseen(t *testing.T) {
	b := newBench(t)
	b.keeps()
	b.server.goes(breaks)
	folder, picture := t.TempDir(), vaulttest.Picture(t, 64, 48, 1)
	if err := os.WriteFile(filepath.Join(folder, "a.jpg"), picture, 0o600); err != nil {
		t.Fatal(err)
	}
	w := b.watch(strings.NewReader(""), folder, "--patient", testPatientID, "--existing")
	w.says("nobody is photographed unseen")
	w.ends(exitFailed)
	if left, err := os.ReadFile(filepath.Join(folder, "a.jpg")); err != nil || !bytes.Equal(left, picture) {
		t.Errorf("the original: got %d bytes and %v, want it untouched", len(left), err)
	}
	b.server.goes(nil)
	w = b.watch(strings.NewReader(""), t.TempDir(), "--patient", testPatientID)
	w.says("watching the folder")
	b.server.goes(breaks)
	w.put("a.jpg", picture)
	w.says("sealed as capture")
	w.until("wiping", func() bool { return w.inFolder() == "" })
	w.ends(exitWaiting)
	b.server.goes(nil)
	b.must(exitDone, []string{"received as photo"}, "flush")
	if n, of := b.server.has(picture); n != 1 || of != testPatientID {
		t.Errorf("received %d times, of %q; want once, of the patient", n, of)
	}
	b.server.goes(breaks)
	scanner := newLines()
	w = b.watch(scanner, t.TempDir())
	w.says("watching the folder")
	scanner.enter("1001")
	w.says("Nothing is sealed until a patient is confirmed")
	w.ends(exitDone)
}
