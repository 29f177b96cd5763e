package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// lines is what a scanner types: each line comes when it is sent.
type lines struct {
	*io.PipeReader
	w *io.PipeWriter
}

func newLines() lines {
	r, w := io.Pipe()
	return lines{r, w}
}

func (l lines) enter(line string) { fmt.Fprintln(l.w, line) }

// watching is a run of capture watch in the background.
type watching struct {
	*bench
	folder string
	out    *told
	stop   context.CancelFunc
	code   chan int
}

// told is what a run printed so far.
type told struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *told) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *told) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// watch begins to watch a folder, which prepare may have put something into.
func (b *bench) watch(stdin io.Reader, folder string, args ...string) *watching {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	w := &watching{bench: b, folder: folder, out: &told{}, stop: stop, code: make(chan int, 1)}
	args = append([]string{"watch", "--folder", folder, "--site", "neck", "--settle", "100ms"}, args...)
	go func() {
		w.code <- run(ctx, args, surroundings{stdin: stdin, stdout: w.out, stderr: w.out, now: time.Now, sleep: sleep,
			getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": b.state}[name] }})
	}()
	b.t.Cleanup(stop)
	return w
}

// until waits for something to be so.
func (w *watching) until(what string, so func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited 10 s for %s; it said:\n%s", what, w.out)
		}
	}
}

func (w *watching) says(text string) {
	w.t.Helper()
	w.until(text, func() bool { return strings.Contains(w.out.String(), text) })
}

// ends stops the run and wants its exit code.
func (w *watching) ends(code int) {
	w.t.Helper()
	w.stop()
	w.exits(code)
}

func (w *watching) exits(code int) {
	w.t.Helper()
	select {
	case got := <-w.code:
		if got != code {
			w.t.Errorf("exit code %d, want %d; it said:\n%s", got, code, w.out)
		}
	case <-time.After(10 * time.Second):
		w.t.Fatalf("does not end; it said:\n%s", w.out)
	}
}

// inFolder are the names in the folder.
func (w *watching) inFolder() string { return strings.Join(entries(w.t, w.folder), " ") }

// entries are the names in a folder.
func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// put writes a picture into the folder, as a camera program does that is careful.
func (w *watching) put(name string, picture []byte) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.folder, name), picture, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// has counts the captures of a picture at the server.
func (s *intakeServer) has(picture []byte) (n int, patient string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, got := range s.got {
		if bytes.Equal(got.picture, picture) {
			n++
			patient = got.facts.Patient
		}
	}
	return n, patient
}

func TestWatch(t *testing.T) {
	b := newBench(t)
	b.signIn()
	w := b.watch(strings.NewReader(""), t.TempDir(), "--patient", "1001")
	w.says("watching the folder")
	if !strings.Contains(w.out.String(), "On flash (a memory card") {
		t.Error("it does not say what wiping is worth")
	}
	first, second := vaulttest.Picture(t, 64, 48, 1), vaulttest.Picture(t, 64, 48, 2)
	w.put("a.jpg", first)
	w.put("b.jpg", second)
	w.until("both photos", func() bool {
		one, _ := b.server.has(first)
		two, _ := b.server.has(second)
		return one == 1 && two == 1
	})
	w.until("an empty folder", func() bool { return w.inFolder() == "" })
	w.put("notes.txt", []byte("no picture at all"))
	w.says("notes.txt stays in the folder: not a JPEG")
	w.put("half.jpg", first[:len(first)/2])
	w.says("half.jpg stays in the folder: its end is missing")
	w.put("half.jpg", vaulttest.Picture(t, 64, 48, 3))
	w.until("the other half", func() bool { return w.inFolder() == "notes.txt" })
	w.until("three receipts", func() bool { return strings.Count(w.out.String(), "received as photo") == 3 })
	w.ends(exitPartly)
	if left := b.queued(); len(left) > 0 {
		t.Errorf("the queue holds %q", left)
	}
	if notes, err := os.ReadDir(filepath.Join(b.state, "clinivault", "originals")); err != nil || len(notes) > 1 {
		t.Errorf("notes of originals: %v %v, want the lock alone", notes, err)
	}
}

// TestWatchAsks: nothing is sealed before somebody confirmed whose photos come, and each photo is of who was confirmed
// when it came.
func TestWatchAsks(t *testing.T) {
	b := newBench(t)
	b.signIn()
	scanner := newLines()
	folder := t.TempDir()
	before := vaulttest.Picture(t, 64, 48, 1)
	if err := os.WriteFile(filepath.Join(folder, "before.jpg"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	w := b.watch(scanner, folder)
	w.says("1 files were in the folder before a patient was confirmed")
	scanner.enter("no such band")
	w.says("Nothing is sealed until a patient is confirmed")
	scanner.enter("]C11001")
	w.says("Testa Patient\n  born 1970-01-02\n  record number 1001")
	unconfirmed := vaulttest.Picture(t, 64, 48, 2)
	w.put("unconfirmed.jpg", unconfirmed)
	w.says("unconfirmed.jpg stays in the folder: no patient was confirmed when it came")
	scanner.enter("10012") // the wrong one stood there: the next wristband instead of an answer
	w.says("Testb Patient")
	scanner.enter("y")
	w.says("photos that come from now on")
	second := vaulttest.Picture(t, 64, 48, 3)
	w.put("second.jpg", second)
	w.until("the photo", func() bool { n, of := b.server.has(second); return n == 1 && of == "PATIENTBBBBBBBBBBBBBBBBBBB" })
	scanner.enter("1001")
	scanner.enter("no")
	w.says("not confirmed")
	third := vaulttest.Picture(t, 64, 48, 4)
	w.put("third.jpg", third)
	w.says("third.jpg stays in the folder")
	scanner.enter("1001")
	scanner.enter("yes")
	w.until("two confirmations", func() bool { return strings.Count(w.out.String(), "photos that come from now on") == 2 })
	fourth := vaulttest.Picture(t, 64, 48, 5)
	w.put("fourth.jpg", fourth)
	w.until("the photo", func() bool { n, of := b.server.has(fourth); return n == 1 && of == "PATIENTAAAAAAAAAAAAAAAAAAA" })
	w.until("wiping", func() bool { return w.inFolder() == "before.jpg third.jpg unconfirmed.jpg" })
	w.until("two receipts", func() bool { return strings.Count(w.out.String(), "received as photo") == 2 })
	for name, picture := range map[string][]byte{"before": before, "unconfirmed": unconfirmed, "third": third} {
		if n, _ := b.server.has(picture); n > 0 {
			t.Errorf("the photo %s was sealed though nobody was confirmed", name)
		}
	}
	w.ends(exitPartly)
}

// TestWatchGoesQuiet: a patient's time ends when no photo comes for a while.
func TestWatchGoesQuiet(t *testing.T) {
	b := newBench(t)
	b.signIn()
	w := b.watch(strings.NewReader(""), t.TempDir(), "--patient", "1001", "--idle", "1s")
	w.says("so that it is surely of this patient")
	w.exits(exitDone)
	scanner := newLines()
	w = b.watch(scanner, t.TempDir(), "--idle", "1s")
	w.says(askWristband)
	scanner.enter("1001")
	w.says("Testa Patient")
	scanner.enter("y")
	w.says("no photo came for a while. " + askWristband)
	w.put("late.jpg", vaulttest.Picture(t, 64, 48, 1))
	w.says("late.jpg stays in the folder: no patient was confirmed")
	w.ends(exitPartly)
}

// TestWatchSameNames: a program that saves each photo under the same name has those taken that come while the patient is
// confirmed; what it saves once another is, is nobody's.
func TestWatchSameNames(t *testing.T) {
	b := newBench(t)
	b.signIn()
	scanner := newLines()
	w := b.watch(scanner, t.TempDir(), "--keep")
	for i, patient := range []string{"1001", "1001", "10012"} {
		w.says(askWristband)
		scanner.enter(patient)
		w.until("the card", func() bool { return strings.Count(w.out.String(), "Right patient") == i+1 })
		scanner.enter("y")
		w.until("the patient", func() bool { return strings.Count(w.out.String(), "photos that come from now on") == i+1 })
		picture := vaulttest.Picture(t, 64, 48, byte(i))
		w.put("scan.jpg", picture)
		if patient == "1001" {
			w.until("the photo", func() bool { n, of := b.server.has(picture); return n == 1 && of == "PATIENTAAAAAAAAAAAAAAAAAAA" })
			continue
		}
		w.says("scan.jpg stays in the folder: it was written again when its patient was no longer confirmed")
		if n, of := b.server.has(picture); n != 0 {
			t.Errorf("the photo that came under a used name was sent as one of %s", of)
		}
	}
	w.ends(exitPartly)
}

// TestWatchKeeps: with --keep originals stay as they are, and no later run seals them again.
func TestWatchKeeps(t *testing.T) {
	b := newBench(t)
	b.signIn()
	folder, picture := t.TempDir(), vaulttest.Picture(t, 64, 48, 1)
	w := b.watch(strings.NewReader(""), folder, "--patient", "1001", "--keep")
	w.says("watching the folder")
	w.put("a.jpg", picture)
	w.says("received as photo")
	w.put("copy.jpg", picture)
	w.says("sealed before, as capture")
	w.ends(exitDone)
	w = b.watch(strings.NewReader(""), folder, "--patient", "1001", "--keep", "--existing")
	w.says("watching the folder")
	w.put("b.jpg", vaulttest.Picture(t, 64, 48, 2))
	w.says("received as photo")
	w.ends(exitDone)
	if n, _ := b.server.has(picture); n != 1 {
		t.Errorf("the photo was received %d times, want once", n)
	}
	if got, err := os.ReadFile(filepath.Join(folder, "a.jpg")); err != nil || !bytes.Equal(got, picture) {
		t.Errorf("the kept original was touched: %v", err)
	}
	if got := w.inFolder(); got != "a.jpg b.jpg copy.jpg" {
		t.Errorf("in the folder: %s", got)
	}
}

// TestWatchLeaves: what is no plain file of its own is neither sealed nor touched.
func TestWatchLeaves(t *testing.T) {
	b := newBench(t)
	b.signIn()
	elsewhere := b.file("elsewhere.jpg", string(vaulttest.Picture(t, 64, 48, 1)), 0o600)
	w := b.watch(strings.NewReader(""), t.TempDir(), "--patient", "1001")
	w.says("watching the folder")
	in := func(name string) string { return filepath.Join(w.folder, name) }
	for name, do := range map[string]func() error{
		"link.jpg":      func() error { return os.Symlink(elsewhere, in("link.jpg")) },
		"hard.jpg":      func() error { return os.Link(elsewhere, in("hard.jpg")) },
		"folder.jpg":    func() error { return os.Mkdir(in("folder.jpg"), 0o700) },
		"a\x1b[2Jb.jpg": func() error { return os.WriteFile(in("a\x1b[2Jb.jpg"), []byte("text"), 0o600) },
		".hidden.jpg":   func() error { return os.WriteFile(in(".hidden.jpg"), vaulttest.Picture(t, 64, 48, 2), 0o600) },
		"unreadable.jpg": func() error {
			return os.WriteFile(in("unreadable.jpg"), append([]byte("\xff\xd8\xff"), make([]byte, maxPhoto)...), 0o600)
		},
	} {
		if err := do(); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	}
	w.says("link.jpg stays in the folder: it is a link")
	w.says("hard.jpg stays in the folder: it has a second name")
	w.says("a [2Jb.jpg stays in the folder: not a JPEG")
	w.says("unreadable.jpg stays in the folder: the photo is larger than 32 MiB")
	w.ends(exitPartly)
	if strings.Contains(w.out.String(), "\x1b") || strings.Contains(w.out.String(), "hidden") {
		t.Errorf("it said:\n%q", w.out)
	}
	if len(b.server.got) != 0 {
		t.Errorf("%d photos were received, want none", len(b.server.got))
	}
	if got, err := os.ReadFile(elsewhere); err != nil || !bytes.Equal(got, vaulttest.Picture(t, 64, 48, 1)) {
		t.Errorf("the file behind the links was touched: %v", err)
	}
}

// TestWatchWithoutServer: a server that is away, and a session that ends, hold up nothing but the sending.
func TestWatchWithoutServer(t *testing.T) {
	b := newBench(t)
	b.signIn()
	w := b.watch(strings.NewReader(""), t.TempDir(), "--patient", "1001")
	w.says("watching the folder")
	b.server.mu.Lock()
	b.server.expired = true
	b.server.mu.Unlock()
	picture := vaulttest.Picture(t, 64, 48, 1)
	w.put("a.jpg", picture)
	w.says("run capture sign-in, then capture flush")
	w.until("wiping", func() bool { return w.inFolder() == "" })
	w.ends(exitWaiting)
	b.signIn()
	b.must(exitDone, []string{"received as photo"}, "flush")
	if n, _ := b.server.has(picture); n != 1 {
		t.Errorf("the photo was received %d times, want once", n)
	}
}

// TestWatchAlone: one run takes originals away with a state folder, and no second beside it.
func TestWatchAlone(t *testing.T) {
	b := newBench(t)
	b.signIn()
	w := b.watch(strings.NewReader(""), t.TempDir(), "--patient", "1001")
	w.says("watching the folder")
	path, _ := b.photo(1000)
	b.must(exitFailed, []string{"another run of capture wipes originals"}, sendArgs("--wipe", path)...)
	other := filepath.Join(t.TempDir(), "other")
	for _, name := range []string{".", "queue", "originals"} {
		check(t, os.MkdirAll(filepath.Join(other, name), 0o700))
	}
	for _, name := range entries(t, filepath.Join(b.state, "clinivault")) {
		if content, err := os.ReadFile(filepath.Join(b.state, "clinivault", name)); err == nil {
			check(t, os.WriteFile(filepath.Join(other, name), content, 0o600))
		}
	}
	b.must(exitFailed, []string{"another run of capture watches this folder"}, "watch", "--folder", w.folder, "--site", "neck", "--patient", "10012", "--state", other)
	w.ends(exitDone)
}

func TestWatchUsage(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		code int
		says string
		args []string
	}{
		"nothing":       {exitUsage, "watch needs --folder", nil},
		"no site":       {exitUsage, "--site", []string{"--folder", dir}},
		"files":         {exitUsage, "takes no files", []string{"--folder", dir, "--site", "neck", "x"}},
		"settle":        {exitUsage, "--settle", []string{"--folder", dir, "--site", "neck", "--settle", "1ms"}},
		"idle":          {exitUsage, "--idle", []string{"--folder", dir, "--site", "neck", "--idle", "24h"}},
		"transport":     {exitUsage, "--transport", []string{"--folder", dir, "--site", "neck", "--transport", "x"}},
		"consent":       {exitUsage, "must include record", []string{"--folder", dir, "--site", "neck", "--consent", "teaching"}},
		"no folder":     {exitFailed, "a folder that exists", []string{"--folder", dir + "/none", "--site", "neck"}},
		"not signed in": {exitFailed, "run capture sign-in", []string{"--folder", dir, "--site", "neck"}},
	} {
		t.Run(name, func(t *testing.T) { b.must(tt.code, []string{tt.says}, append([]string{"watch"}, tt.args...)...) })
	}
}

// scan answers for wristbands: record numbers in Code 128 alone.
func (s *intakeServer) scan(w http.ResponseWriter, r *http.Request) {
	var in struct{ Symbology, Text string }
	if err := s.read(r, &in); err != nil || in.Symbology != "]C1" {
		s.problem(w, http.StatusUnprocessableEntity, "That is no wristband.")
		return
	}
	for _, p := range s.patients() {
		if p.RecordNumber == in.Text {
			s.answer(w, p)
			return
		}
	}
	s.problem(w, http.StatusNotFound, "Not one of your patients.")
}

// TestWatchWaitsUntilAFileRests: a photo that is whole is sealed once it has not changed for as long as was asked, and not
// before: a camera may still be writing what follows.
func TestWatchWaitsUntilAFileRests(t *testing.T) {
	b := newBench(t)
	b.signIn()
	now, folder := time.Now(), t.TempDir()
	var out bytes.Buffer
	r, err := open(filepath.Join(b.state, "clinivault"), surroundings{stdin: strings.NewReader(""), stdout: &out, stderr: &out, sleep: sleep,
		now: func() time.Time { return now }, getenv: func(string) string { return "" }})
	check(t, err)
	w := &watcher{session: r, files: map[string]*watched{}, wake: make(chan struct{}, 1),
		order: watchOrder{order: order{patient: "1001", site: "neck", consent: seal.Consent{Record: true}}, folder: folder, settle: 2 * time.Second, keep: true}}
	release, err := w.start(t.Context())
	check(t, err)
	defer release()
	path := filepath.Join(folder, "photo.png")
	for _, step := range []struct {
		after  time.Duration
		write  string
		sealed int
	}{{0, onePNG, 0}, {1900 * time.Millisecond, "", 0}, {0, onePNG + " ", 0}, {1900 * time.Millisecond, "", 0}, {100 * time.Millisecond, "", 1}, {time.Hour, "", 1}} {
		now = now.Add(step.after)
		if step.write != "" {
			check(t, os.WriteFile(path, []byte(step.write), 0o600))
		}
		check(t, w.pass())
		if w.sealed != step.sealed {
			t.Fatalf("%v later, having written %d bytes: %d photos sealed, want %d\n%s", step.after, len(step.write), w.sealed, step.sealed, &out)
		}
	}
}
