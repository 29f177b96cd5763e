package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sealedAs is the note of an original with this content.
func sealedAs(t *testing.T, path string) original {
	t.Helper()
	sum, err := digestOf(path)
	if err != nil {
		t.Fatal(err)
	}
	return original{CaptureID: newCaptureID(), SHA256: sum}
}

func TestWipe(t *testing.T) {
	b := bench{t: t, files: t.TempDir()}
	content := strings.Repeat("PLAINTEXT PIXELS ", 4000)
	path := b.file("photo.jpg", content, 0o600)
	held, err := os.Open(path) // what is on the disk after the name is gone
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	begun := 0
	if err := wipe(path, sealedAs(t, path), func() error { begun++; return nil }); err != nil || begun != 1 {
		t.Fatalf("wiping: %v, begun %d times", err, begun)
	}
	if entries, err := os.ReadDir(b.files); err != nil || len(entries) != 0 {
		t.Errorf("the folder holds %v %v, want nothing", entries, err)
	}
	if left, err := io.ReadAll(held); err != nil || len(left) != 0 {
		t.Errorf("%d bytes are left in the file, %v", len(left), err)
	}
}

// TestOverwrite: nothing of the content is left when a death comes before the file is cut.
func TestOverwrite(t *testing.T) {
	for _, size := range []int{0, 1, wipeMark - 1, wipeMark, wipeMark + 1, 3 * wipeMark, 100_000} {
		path := filepath.Join(t.TempDir(), "photo.jpg")
		if err := os.WriteFile(path, bytes.Repeat([]byte{0xa5}, size), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			err = errors.Join(overwrite(f, int64(size)), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || len(got) != size || bytes.Contains(got, []byte{0xa5, 0xa5, 0xa5, 0xa5}) {
			t.Errorf("%d bytes: %v, %d left, or some of them as they were", size, err, len(got))
		}
		if done, err := finishWipe(path); err != nil || !done {
			t.Errorf("%d bytes: going on with the wiping: got %v, %v", size, done, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%d bytes: the file is still there", size)
		}
	}
}

// TestWipeLeaves: a file that is not the one that was sealed stays as it is.
func TestWipeLeaves(t *testing.T) {
	const content = "PLAINTEXT PIXELS"
	tests := []struct {
		name   string
		change func(b *bench, path string) error
		want   error
	}{
		{"changed", func(_ *bench, path string) error { return os.WriteFile(path, []byte(content+"!"), 0o600) }, errChanged},
		{"a second name", func(_ *bench, path string) error { return os.Link(path, path+"2") }, errLinked},
		{"a link", func(_ *bench, path string) error {
			return errors.Join(os.Rename(path, path+"2"), os.Symlink(path+"2", path))
		}, errNotPlain},
		{"gone", func(_ *bench, path string) error { return os.Remove(path) }, os.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &bench{t: t, files: t.TempDir()}
			path := b.file("photo.jpg", content, 0o600)
			n := sealedAs(t, path)
			if err := tt.change(b, path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			err := wipe(path, n, func() error { t.Error("it began to wipe"); return nil })
			if after, _ := os.ReadFile(path); !errors.Is(err, tt.want) || !bytes.Equal(before, after) {
				t.Errorf("got %v and %q, want %v and %q", err, after, tt.want, before)
			}
		})
	}
}

// TestReplacedMeanwhile: a file that takes the name while the old one is overwritten keeps name and content.
func TestReplacedMeanwhile(t *testing.T) {
	b := &bench{t: t, files: t.TempDir()}
	path := b.file("photo.jpg", "PLAINTEXT PIXELS", 0o600)
	other := b.file("new.jpg", "the next photo", 0o600)
	err := wipe(path, sealedAs(t, path), func() error { return os.Rename(other, path) })
	if got, readErr := os.ReadFile(path); !errors.Is(err, errReplaced) || readErr != nil || string(got) != "the next photo" {
		t.Errorf("got %v, content %q %v", err, got, readErr)
	}
}

// TestSweepWipedLeavesContent: of the files with the name of what is wiped only those go that hold nothing.
func TestSweepWipedLeavesContent(t *testing.T) {
	b := &bench{t: t, files: t.TempDir()}
	empty, full := b.file(wipedPrefix+"a", "", 0o600), b.file(wipedPrefix+"b", "PLAINTEXT PIXELS", 0o600)
	entries, err := os.ReadDir(b.files)
	check(t, err)
	check(t, sweepWiped(b.files, entries))
	if _, err := os.Stat(empty); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the empty file: got %v, want it gone", err)
	}
	if got, err := os.ReadFile(full); err != nil || len(got) == 0 {
		t.Errorf("the file with content: got %d bytes, %v, want it as it was", len(got), err)
	}
}

// TestFinishWipeLeavesPictures: what begins like a picture is a new one, whatever a note says of its name.
func TestFinishWipeLeavesPictures(t *testing.T) {
	b := &bench{t: t, files: t.TempDir()}
	path := b.file("photo.jpg", "\xff\xd8\xff the next photo", 0o600)
	if done, err := finishWipe(path); done || err != nil {
		t.Errorf("got %v, %v, want a file that stays", done, err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "\xff\xd8\xff the next photo" {
		t.Errorf("the file holds %q, %v", got, err)
	}
}

// TestSendWipes: send --wipe wipes what is sealed, after a death in between too, and leaves what could not be sealed.
func TestSendWipes(t *testing.T) {
	b := newBench(t)
	b.signIn()
	good := b.file("good.png", onePNG, 0o600)
	text := b.file("notes.txt", "just text, long enough", 0o600)
	b.must(exitPartly, []string{"On flash", "sealed as capture", "received as photo", "notes.txt: not a JPEG"},
		sendArgs("--wipe", good, text)...)
	if _, err := os.Stat(good); !errors.Is(err, os.ErrNotExist) {
		t.Error("the original is still there")
	}
	if _, err := os.Stat(text); err != nil {
		t.Errorf("what was not sealed is gone: %v", err)
	}
	// A run that died before the first byte was overwritten.
	b.file("good.png", onePNG, 0o600)
	state := filepath.Join(b.state, "clinivault")
	notes, err := openOriginals(state)
	if err != nil {
		t.Fatal(err)
	}
	n := sealedAs(t, good)
	n.Folder, n.Name, n.State = nameDigest(b.files), nameDigest(good), originalSealing
	if err := errors.Join(notes.put(n), notes.sent(n.CaptureID)); err != nil {
		t.Fatal(err)
	}
	b.must(exitDone, []string{"sealed before, as capture " + n.CaptureID}, sendArgs("--wipe", good)...)
	// And one that died while it overwrote.
	b.file("good.png", strings.Repeat("\x00", 5000), 0o600)
	n.State = originalWiping
	if err := notes.put(n); err != nil {
		t.Fatal(err)
	}
	b.must(exitDone, []string{"half wiped before, is wiped now"}, sendArgs("--wipe", good)...)
	if _, err := os.Stat(good); !errors.Is(err, os.ErrNotExist) {
		t.Error("the half-wiped original is still there")
	}
	if len(b.server.got) != 1 {
		t.Errorf("%d photos were received, want one", len(b.server.got))
	}
	if left, err := filepath.Glob(filepath.Join(state, "originals", "*.*n*")); err != nil || len(left) != 0 {
		t.Errorf("notes are left: %v %v", left, err)
	}
}

// TestNotesHoldNoNames: what is kept of an original tells neither its name nor what is on it.
func TestNotesHoldNoNames(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path := b.file("Testa Patient arm.png", onePNG, 0o600)
	w := b.watch(strings.NewReader(""), b.files, "--patient", "1001", "--keep", "--existing")
	w.says("received as photo")
	w.ends(exitPartly) // the password and the certificate are no photos
	notes, err := filepath.Glob(filepath.Join(b.state, "clinivault", "originals", "*"+noteSuffix))
	if err != nil || len(notes) != 1 {
		t.Fatalf("notes %v, %v; want one", notes, err)
	}
	text, err := os.ReadFile(notes[0])
	if err != nil || bytes.Contains(text, []byte("Testa")) || bytes.Contains(text, []byte(filepath.Dir(path))) {
		t.Errorf("the note says %s, %v", text, err)
	}
}

// TestSentIsRemembered: a capture that another run sends before this one has wiped the original is known as sealed.
func TestSentIsRemembered(t *testing.T) {
	b := newBench(t)
	b.signIn()
	path, _ := b.photo(1000)
	b.server.faults = []func(http.ResponseWriter){busy("600")}
	b.must(exitWaiting, nil, sendArgs(path)...)
	state := filepath.Join(b.state, "clinivault")
	q, err := openQueue(state, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	items, err := q.items()
	if err != nil || len(items) != 1 {
		t.Fatalf("the queue holds %v, %v", items, err)
	}
	notes, err := openOriginals(state)
	if err != nil {
		t.Fatal(err)
	}
	n := sealedAs(t, path)
	n.CaptureID, n.State = items[0].CaptureID, originalSealing
	never := n
	never.CaptureID = newCaptureID()
	if err := errors.Join(notes.put(n), notes.put(never)); err != nil {
		t.Fatal(err)
	}
	b.must(exitDone, []string{"received as photo"}, "flush")
	if all, err := notes.all(q); err != nil || len(all) != 1 || all[0].CaptureID != n.CaptureID {
		t.Errorf("known as sealed: %v, %v; want %s alone", all, err, n.CaptureID)
	}
}

// TestUnmoved: a file that changes or is replaced while it is read is not sealed as it was.
func TestUnmoved(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"longer":   func(path string) error { return os.WriteFile(path, []byte("PLAINTEXT PIXELS!"), 0o600) },
		"later":    func(path string) error { return os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)) },
		"replaced": func(path string) error { return errors.Join(os.Rename(path, path+"2"), os.WriteFile(path, nil, 0o600)) },
		"nothing":  nil,
	} {
		b := &bench{t: t, files: t.TempDir()}
		path := b.file("photo.jpg", "PLAINTEXT PIXELS", 0o600)
		f, info, err := openOriginal(path, os.O_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		var want error
		if change != nil {
			want = errMoved
			if err := change(path); err != nil {
				t.Fatal(err)
			}
		}
		if got := unmoved(f, path, info); !errors.Is(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		f.Close()
	}
}
