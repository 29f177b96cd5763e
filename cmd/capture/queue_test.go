package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

const testID = "00112233445566778899aabbccddeeff"

func testQueue(t *testing.T) *queue {
	t.Helper()
	q, err := openQueue(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func writeText(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestQueueKeepsAndDrops(t *testing.T) {
	q := testQueue(t)
	it, err := q.add(testID, "PERSON1", writeText("sealed bytes"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("sealed bytes"))
	if it.SHA256 != hex.EncodeToString(sum[:]) || it.Size != 12 || it.State != stateSealed {
		t.Errorf("item %+v", it)
	}
	items, err := q.items()
	if err != nil || len(items) != 1 || items[0] != it {
		t.Fatalf("items %+v, %v; want %+v", items, err, it)
	}
	f, err := q.open(it)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	f.Close()
	if err != nil || string(got) != "sealed bytes" {
		t.Errorf("envelope %q, %v", got, err)
	}
	good := seal.Receipt{CaptureID: testID, Digest: it.SHA256, Size: 12}
	for name, r := range map[string]seal.Receipt{
		"none": {}, "other capture": {CaptureID: strings.Repeat("1", 32), Digest: it.SHA256, Size: 12},
		"other digest": {CaptureID: testID, Digest: strings.Repeat("0", 64), Size: 12}, "other size": {CaptureID: testID, Digest: it.SHA256, Size: 11},
	} {
		if err := q.drop(it, r); err == nil {
			t.Errorf("dropped with a receipt of: %s", name)
		}
	}
	if err := q.drop(it, good); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(q.dir); err != nil || len(names) != 0 {
		t.Errorf("left %v, %v", names, err)
	}
}

func TestQueueFailedSealLeavesNothing(t *testing.T) {
	q, boom := testQueue(t), errors.New("boom")
	_, err := q.add(testID, "PERSON1", func(w io.Writer) error {
		if _, err := io.WriteString(w, "half of it"); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("got error %v, want %v", err, boom)
	}
	if _, err := q.add("../x", "PERSON1", writeText("x")); err == nil {
		t.Error("a name outside the queue was taken")
	}
	if names, err := os.ReadDir(q.dir); err != nil || len(names) != 0 {
		t.Errorf("left %v, %v", names, err)
	}
}

// changedNote changes one thing in a note that is whole.
func changedNote(change func(*item)) func(t *testing.T, q *queue) {
	return func(t *testing.T, q *queue) {
		it, err := q.item(testID)
		check(t, err)
		change(&it)
		b, err := json.Marshal(it)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(q.dir, testID+noteSuffix), b, 0o600))
	}
}

func TestQueueDamage(t *testing.T) {
	damage := map[string]func(t *testing.T, q *queue){
		"note gone": func(t *testing.T, q *queue) { check(t, os.Remove(filepath.Join(q.dir, testID+noteSuffix))) },
		"note empty": func(t *testing.T, q *queue) {
			check(t, os.WriteFile(filepath.Join(q.dir, testID+noteSuffix), nil, 0o600))
		},
		"note foreign": func(t *testing.T, q *queue) {
			check(t, os.WriteFile(filepath.Join(q.dir, testID+noteSuffix), []byte(`{"capture_id":"x"}`), 0o600))
		},
		"note of another photo": changedNote(func(it *item) { it.CaptureID = strings.Repeat("2", 32) }),
		"note of nobody":        changedNote(func(it *item) { it.Owner = "" }),
		"note of nothing":       changedNote(func(it *item) { it.Size = 0 }),
	}
	for name, f := range damage {
		t.Run(name, func(t *testing.T) {
			q := testQueue(t)
			if _, err := q.add(testID, "PERSON1", writeText("sealed")); err != nil {
				t.Fatal(err)
			}
			f(t, q)
			if items, err := q.items(); err == nil {
				t.Errorf("got %d items and no error: a photo is forgotten", len(items))
			}
		})
	}
	q := testQueue(t)
	it, err := q.add(testID, "PERSON1", writeText("sealed"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, os.WriteFile(q.path(testID), []byte("cut"), 0o600))
	if _, err := q.open(it); err == nil {
		t.Error("a cut envelope was opened")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestQueueSweep(t *testing.T) {
	q := testQueue(t)
	if _, err := q.add(testID, "PERSON1", writeText("sealed")); err != nil {
		t.Fatal(err)
	}
	orphan := strings.Repeat("1", 32) + noteSuffix
	for _, name := range []string{tempPrefix + "1", orphan, "README"} {
		check(t, os.WriteFile(filepath.Join(q.dir, name), []byte("x"), 0o600))
	}
	count := func() int {
		names, err := os.ReadDir(q.dir)
		check(t, err)
		return len(names)
	}
	check(t, q.sweep())
	if got := count(); got != 5 {
		t.Errorf("a sweep left %d files, want all 5: they are fresh", got)
	}
	q.now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	check(t, q.sweep())
	for name, want := range map[string]bool{tempPrefix + "1": false, orphan: false, "README": true, testID + sealedSuffix: true, testID + noteSuffix: true} {
		if _, err := os.Stat(filepath.Join(q.dir, name)); (err == nil) != want {
			t.Errorf("%s there: %v, want %v", name, err == nil, want)
		}
	}
}

func TestQueueLock(t *testing.T) {
	q := testQueue(t)
	unlock, err := q.lock(t.Context(), sleep)
	check(t, err)
	waits := 0
	enough := errors.New("enough")
	_, err = q.lock(t.Context(), func(context.Context, time.Duration) error {
		if waits++; waits == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || waits != 3 {
		t.Errorf("got %v after %d waits, want to wait while another holds the lock", err, waits)
	}
	unlock()
	unlock, err = q.lock(t.Context(), sleep)
	check(t, err)
	unlock()
}

// TestSendsUnderTheLock: while another run sends from a queue, this one sends nothing.
func TestSendsUnderTheLock(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path, _ := b.photo(1000)
	b.server.faults = []func(http.ResponseWriter){busy("600")}
	b.must(exitWaiting, nil, sendArgs(path)...)
	q, err := openQueue(filepath.Join(b.state, "clinivault"), time.Now)
	check(t, err)
	unlock, err := q.lock(t.Context(), sleep)
	check(t, err)
	var out bytes.Buffer
	waits := 0
	code := run(t.Context(), []string{"flush"}, surroundings{stdin: strings.NewReader(""), stdout: &out, stderr: &out, now: time.Now,
		getenv: func(name string) string { return map[string]string{"XDG_STATE_HOME": b.state}[name] },
		sleep: func(context.Context, time.Duration) error {
			waits++
			return errors.New("no more time")
		}})
	if code != exitWaiting || waits != 1 || len(b.server.got) != 0 || len(b.queued()) != 2 {
		t.Errorf("beside another run: exit code %d after %d waits, %d received, queue %q; want %d, 1, 0 and the photo\n%s",
			code, waits, len(b.server.got), b.queued(), exitWaiting, &out)
	}
	unlock()
	b.must(exitDone, []string{"received as photo"}, "flush")
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(surroundings{stderr: &out, terminal: true}, 1000)
	for range 4 {
		if _, err := p.Write(make([]byte, 250)); err != nil {
			t.Fatal(err)
		}
	}
	p.done()
	want := "\rsending over HTTPS [#######                       ]  25 %"
	if got := out.String(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "] 100 %\n") {
		t.Errorf("got %q, want it to start with %q", got, want)
	}
	out.Reset()
	p = newProgress(surroundings{stderr: &out}, 10)
	if _, err := p.Write(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	p.done()
	if out.Len() != 0 {
		t.Errorf("without a terminal it wrote %q", out.String())
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-5": 0, "soon": 0, "999999": time.Hour, "99999999999999999999": 0,
		"Sat, 21 Nov 2026 10:00:07 GMT": 7 * time.Second, "Sat, 21 Nov 2026 09:00:00 GMT": 0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", header, got, want)
		}
	}
}

func TestFate(t *testing.T) {
	for status, want := range map[int]fate{
		307: fateRetry, 401: fateSignIn, 403: fateRefused, 404: fateRefused, 408: fateRetry, 409: fateRefused, 413: fateRefused,
		422: fateRefused, 425: fateRetry, 429: fateRetry, 500: fateRetry, 503: fateRetry,
	} {
		if got := fateOf(&refusal{status: status}); got != want {
			t.Errorf("fateOf(%d) = %d, want %d", status, got, want)
		}
	}
	if got := fateOf(&silence{http.ErrHandlerTimeout}); got != fateRetry {
		t.Errorf("fateOf(silence) = %d, want %d", got, fateRetry)
	}
}
