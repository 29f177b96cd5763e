package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/clinivault/clinivault/vault/seal"
)

var (
	errUnfinished = errors.New("its end is missing: it is still being written, or damaged")
	errMoved      = errors.New("it changed while it was being read")
)

// sealedBefore says that an original was sealed in a run that was cut short.
type sealedBefore struct{ note original }

func (*sealedBefore) Error() string { return "it was sealed before" }

// wiping makes this run the one that takes originals away, and brings to mind those of runs that were cut short;
// promise has the person told what wiping is worth.
func (r *session) wiping(promise bool) (release func(), err error) {
	dir := filepath.Dir(r.queue.dir)
	if r.originals, err = openOriginals(dir); err != nil {
		return nil, err
	}
	release, err = claim(r.originals.dir, ".lock")
	if errors.Is(err, errHeld) {
		return nil, errors.New("another run of capture wipes originals with this state folder: end it first, or give this one a --state of its own")
	}
	if err != nil {
		return nil, fmt.Errorf("locking the originals: %w", err)
	}
	if r.known, err = r.originals.all(r.queue); err != nil {
		release()
		return nil, err
	}
	if promise {
		fmt.Fprint(r.stderr, wipePromise)
	}
	return release, nil
}

// take seals the photo in a file and leaves a note of it, so that no later run seals it again. The file must be plain,
// whole, and the same from the first byte to the last; *sealedBefore tells that it is sealed already.
func (r *session) take(path string, in intakeInfo, f seal.CaptureFacts) (it item, n original, err error) {
	file, info, err := openOriginal(path, os.O_RDONLY)
	if err != nil {
		return item{}, n, err
	}
	defer file.Close()
	if count, err := names(file, info); err != nil || count > 1 {
		return item{}, n, errors.Join(err, errLinked)
	}
	if info.Size() > maxPhoto {
		return item{}, n, errTooLarge
	}
	if err := isWhole(file); err != nil {
		return item{}, n, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return item{}, n, bare(err)
	}
	n = original{Folder: nameDigest(filepath.Dir(abs)), Name: nameDigest(abs), Size: info.Size(), ModTime: info.ModTime(), State: originalSealing}
	it, err = r.seal(file, in, f, func(id string, sum []byte) error {
		n.CaptureID, n.SHA256 = id, hex.EncodeToString(sum)
		if err := unmoved(file, path, info); err != nil {
			return err
		}
		for _, k := range r.known {
			if k.SHA256 == n.SHA256 {
				return &sealedBefore{k}
			}
		}
		return r.originals.put(n)
	})
	if err != nil && n.CaptureID != "" {
		return item{}, n, errors.Join(err, r.originals.forget(n.CaptureID))
	}
	if err != nil {
		return item{}, n, err
	}
	r.known = append(r.known, n)
	return it, n, nil
}

// isWhole says why a file cannot be sealed as it is, and leaves it at its beginning.
func isWhole(file *os.File) error {
	head := make([]byte, 12)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return bare(err)
	}
	mediaType := mediaTypeOf(head[:n])
	if mediaType == "" {
		return errNoPicture
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return bare(err)
	}
	if !whole(bufio.NewReader(&limited{r: file, left: maxPhoto}), mediaType) {
		return errUnfinished
	}
	_, err = file.Seek(0, io.SeekStart)
	return bare(err)
}

// readWhole reads a photo to its end, and refuses one that cannot be sealed as it is. What it read comes with an error too.
func readWhole(src io.Reader) ([]byte, error) {
	photo, err := io.ReadAll(&limited{r: src, left: maxPhoto})
	if err != nil {
		return photo, fmt.Errorf("reading the photo: %w", bare(err))
	}
	mediaType := mediaTypeOf(photo[:min(12, len(photo))])
	switch {
	case mediaType == "":
		return photo, errNoPicture
	case !whole(bytes.NewReader(photo), mediaType):
		return photo, errUnfinished
	}
	return photo, nil
}

// unmoved looks whether a file that was read is the one that was opened, and still under its name.
func unmoved(file *os.File, path string, was fs.FileInfo) error {
	now, err := file.Stat()
	if err != nil {
		return bare(err)
	}
	named, err := os.Lstat(path)
	if err != nil {
		return bare(err)
	}
	if now.Size() != was.Size() || !now.ModTime().Equal(was.ModTime()) || !os.SameFile(named, now) {
		return errMoved
	}
	return nil
}

// sealAndWipe takes a file and wipes it, also where an earlier run was cut short in between. With an item and an error
// the photo is sealed, and the original is still there.
func (r *session) sealAndWipe(path string, in intakeInfo, f seal.CaptureFacts) (item, error) {
	if done, err := r.goOnWiping(path); done || err != nil {
		return item{}, err
	}
	it, n, err := r.take(path, in, f)
	var before *sealedBefore
	switch {
	case errors.As(err, &before): // an item without a size
		it, n = item{CaptureID: before.note.CaptureID}, before.note
	case err != nil:
		return item{}, notSealed(err, path)
	}
	if err := r.wipeNow(path, n); err != nil {
		return it, fmt.Errorf("sealed, but the original is not wiped: %w", err)
	}
	return it, nil
}

// wipeNow wipes an original that is sealed, and forgets it.
func (r *session) wipeNow(path string, n original) error {
	err := wipe(path, n, func() error {
		n.State = originalWiping
		return r.originals.put(n)
	})
	if err != nil {
		return err
	}
	return r.drop(n.CaptureID)
}

// drop forgets an original that is gone.
func (r *session) drop(captureID string) error {
	for i, k := range r.known {
		if k.CaptureID == captureID {
			r.known = append(r.known[:i], r.known[i+1:]...)
			break
		}
	}
	return r.originals.forget(captureID)
}

// forgetGone forgets the originals that are no longer in their folder: a run was cut short between removing and
// forgetting, or a person took them away. Those in there hold names in there, or others of the same content.
func (r *session) forgetGone(folder string, there map[string]bool) error {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return bare(err)
	}
	entries, err := os.ReadDir(abs)
	if err != nil {
		return fmt.Errorf("looking at the folder: %w", bare(err))
	}
	named := map[string]bool{}
	for _, e := range entries {
		named[nameDigest(filepath.Join(abs, e.Name()))] = true
	}
	for _, k := range slices.Clone(r.known) {
		if k.Folder == nameDigest(abs) && !named[k.Name] && !there[k.CaptureID] {
			if err := r.drop(k.CaptureID); err != nil {
				return err
			}
		}
	}
	return nil
}

// goOnWiping ends what a run that was cut short had begun to wipe; done is false where this is no such file.
func (r *session) goOnWiping(path string) (done bool, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return false, bare(err)
	}
	for _, k := range r.known {
		if k.State != originalWiping || k.Name != nameDigest(abs) {
			continue
		}
		if done, err := finishWipe(path); err != nil || !done {
			return false, err
		}
		fmt.Fprintf(r.stdout, "capture %s: its original, half wiped before, is wiped now\n", k.CaptureID)
		return true, r.drop(k.CaptureID)
	}
	return false, nil
}
