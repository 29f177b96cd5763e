package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// chosen is whose photos those are that come now.
type chosen struct {
	in    intakeInfo
	facts seal.CaptureFacts
}

// watched is a file of the folder, as it was last seen.
type watched struct {
	size    int64
	mod     time.Time
	since   time.Time // when size or mod last changed
	seen    time.Time // when it came
	whose   *chosen   // who was confirmed when it came; nil: nobody
	settled bool      // nothing more is to be done as long as it does not change
	reused  bool      // written again once another was confirmed, or nobody
	told    string    // what was last said of it
}

// takeStock notes what is in the folder already: whose photos those are nobody said, unless the person did. What runs that
// were cut short had sealed is gone on with.
func (w *watcher) takeStock(take bool) error {
	names, err := w.look()
	if err != nil {
		return err
	}
	old, there := 0, map[string]bool{}
	for name, info := range names {
		f := &watched{size: info.Size(), mod: info.ModTime(), since: w.now(), seen: w.now()}
		w.files[name] = f
		switch {
		case info.IsDir() || w.finished(name, f, there):
		case take:
			f.whose = w.whose
		default:
			old++
		}
	}
	if old > 0 {
		fmt.Fprintf(w.stdout, "%d files were in the folder before a patient was confirmed: they stay as they are. If they are all of one "+
			"patient, start with --patient and --existing.\n", old)
	}
	return w.forgetGone(w.order.folder, there)
}

// finished goes on with a file that an earlier run had sealed; false where it is not known as sealed. Captures whose
// originals are still there are put into there.
func (w *watcher) finished(name string, f *watched, there map[string]bool) bool {
	path := filepath.Join(w.order.folder, name)
	done, err := w.goOnWiping(path)
	if !done && err == nil {
		done, err = w.knownAs(path, f, there)
	}
	if err != nil {
		w.tell(name, f, fmt.Errorf("it is sealed, but not wiped: %w", err))
	}
	f.settled = done || err != nil
	return f.settled
}

// knownAs takes the original away that an earlier run had sealed; done is false where the file is not known.
func (w *watcher) knownAs(path string, f *watched, there map[string]bool) (done bool, err error) {
	sum := ""
	for _, k := range w.known {
		if k.State == originalKept && w.same(path, f, k) {
			return true, nil
		}
		if sum == "" {
			if sum, err = digestOf(path); err != nil {
				return false, nil // pass tells why it cannot be read
			}
		}
		if sum == k.SHA256 {
			there[k.CaptureID] = true
			fmt.Fprintf(w.stdout, "sealed before, as capture %s; not sealed again\n", k.CaptureID)
			return true, w.away(path, k)
		}
	}
	return false, nil
}

// look lists the files of the folder that may be photos, by name. Names that begin with a dot are what programs keep for
// themselves.
func (w *watcher) look() (map[string]fs.FileInfo, error) {
	dir, err := os.Open(w.order.folder)
	if err != nil {
		return nil, fmt.Errorf("looking at the folder: %w", bare(err))
	}
	defer dir.Close()
	entries, err := dir.ReadDir(maxFolder)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("looking at the folder: %w", bare(err))
	}
	if err := sweepWiped(w.order.folder, entries); err != nil {
		return nil, fmt.Errorf("tidying the folder: %w", err)
	}
	names := map[string]fs.FileInfo{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !strings.HasPrefix(e.Name(), ".") {
			names[e.Name()] = info
		}
	}
	return names, nil
}

// pass looks at the folder once, and seals what has settled.
func (w *watcher) pass() error {
	names, err := w.look()
	if err != nil {
		return err
	}
	now := w.now()
	for name := range w.files {
		if names[name] == nil {
			delete(w.files, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f, info := w.files[name], names[name]
		switch {
		case f == nil:
			w.last = now
			w.files[name] = &watched{size: info.Size(), mod: info.ModTime(), since: now, seen: now, whose: w.whose}
		case f.size != info.Size() || !f.mod.Equal(info.ModTime()):
			w.rewritten(f)
			f.size, f.mod, f.since, f.settled = info.Size(), info.ModTime(), now, false
		case f.settled || now.Sub(f.since) < w.order.settle:
		default:
			f.settled = true
			if err := w.handle(name, f, info); err != nil {
				return err
			}
		}
	}
	return nil
}

// rewritten is about to note that a file changed. One that was done with holds another photo now: it is of the patient who
// is confirmed, unless the name was used for another's before. Then nobody can say whose it is.
func (w *watcher) rewritten(f *watched) {
	if !f.settled {
		return
	}
	f.seen = w.now()
	if f.whose != nil && (w.whose == nil || w.whose.facts.Patient != f.whose.facts.Patient) {
		f.whose, f.reused = nil, true
	} else if f.whose != nil {
		f.whose = w.whose
	}
}

// handle seals a file that has settled and takes its original away. What cannot be sealed stays, and the person is told
// why; only an error that ends the watching comes back.
func (w *watcher) handle(name string, f *watched, info fs.FileInfo) error {
	if info.IsDir() {
		return nil
	}
	if f.whose == nil && f.reused {
		w.tell(name, f, errors.New("it was written again when its patient was no longer confirmed, so that nobody can say whose it is: have each photo saved under a name of its own"))
		return nil
	}
	if f.whose == nil {
		w.tell(name, f, errors.New("no patient was confirmed when it came"))
		return nil
	}
	path := filepath.Join(w.order.folder, name)
	facts := f.whose.facts
	facts.TakenAt = w.client.rightTime(f.seen)
	it, n, err := w.take(path, f.whose.in, facts)
	var before *sealedBefore
	switch {
	case errors.As(err, &before):
		fmt.Fprintf(w.stdout, "sealed before, as capture %s; not sealed again\n", before.note.CaptureID)
		n = before.note
	case err != nil:
		return w.unsealed(name, f, err)
	default:
		w.sealed++
		w.last = w.now()
		fmt.Fprintf(w.stdout, "sealed as capture %s\n", it.CaptureID)
		w.rouse()
	}
	if err := w.away(path, n); err != nil {
		w.tell(name, f, fmt.Errorf("it is sealed, but not wiped: %w", err))
	}
	return nil
}

// unsealed tells of a file that could not be sealed. A fault of the queue ends the watching: nothing would be sealed.
func (w *watcher) unsealed(name string, f *watched, err error) error {
	var path *fs.PathError
	if noRoom(err) {
		return errors.New("there is no room left for sealed photos: make room, then start again; the originals are still in the folder")
	}
	if errors.As(err, &path) { // those of the file itself have lost their names
		return fmt.Errorf("%w; the originals are still in the folder", err)
	}
	w.tell(name, f, err)
	if errors.Is(err, errMoved) || errors.Is(err, errReplaced) || errors.Is(err, fs.ErrPermission) {
		f.settled, f.since = false, w.now().Add(tryAgain-w.order.settle)
	}
	return nil
}

// away wipes an original that is sealed, or remembers that it stays.
func (w *watcher) away(path string, n original) error {
	if !w.order.keep {
		return w.wipeNow(path, n)
	}
	n.State = originalKept
	for i := range w.known {
		if w.known[i].CaptureID == n.CaptureID {
			w.known[i] = n
		}
	}
	return w.originals.put(n)
}

// same reports whether a kept original is the file of that name, by what its folder says of it.
func (w *watcher) same(path string, f *watched, k original) bool {
	abs, err := filepath.Abs(path)
	return err == nil && k.Name == nameDigest(abs) && k.Size == f.size && k.ModTime.Equal(f.mod)
}

// tell says once, on the operator's own terminal, what is the matter with a file.
func (w *watcher) tell(name string, f *watched, err error) {
	if text := err.Error(); f.told != text {
		f.told = text
		fmt.Fprintf(w.stdout, "%s stays in the folder: %s\n", clean(name), text)
	}
}
