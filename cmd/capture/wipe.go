package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// wipePromise says what wiping can do and what it cannot. It is printed before the first file is wiped.
const wipePromise = `Originals are wiped once their sealed copy is durable: overwritten, cut to nothing, renamed and removed. What that can promise
depends on where they are. On a plain disk the content is gone. On flash (a memory card, a USB stick, an SSD) it is not: wear
levelling writes elsewhere and keeps the old cells, and so may a journal, a snapshot, a copy-on-write file system, a synchronised
folder or a backup. No program can promise more there. Use a folder on an encrypted disk, out of every backup and synchronisation,
and erase memory cards with the card maker's own secure erase.
`

const (
	wipedPrefix = ".capture-wiped-"
	wipeMark    = 4096 // bytes of zeros that are durable at the front before anything else is overwritten
)

var (
	errReplaced = errors.New("another file has come under its name meanwhile")
	errChanged  = errors.New("it was changed after it was sealed")
	errLinked   = errors.New("it has a second name (a hard link), which wiping would not remove")
	errNotPlain = errors.New("it is a link, a folder or a device, not a file of its own")
)

// openOriginal opens a plain file under the name itself, following no link.
func openOriginal(path string, flag int) (*os.File, fs.FileInfo, error) {
	named, err := os.Lstat(path)
	if err != nil {
		return nil, nil, bare(err)
	}
	if !named.Mode().IsRegular() {
		return nil, nil, errNotPlain
	}
	f, err := openPlain(path, flag)
	if err != nil {
		return nil, nil, bare(err)
	}
	info, err := f.Stat()
	if err == nil && !os.SameFile(named, info) {
		err = errReplaced
	}
	if err != nil {
		f.Close()
		return nil, nil, bare(err)
	}
	return f, info, nil
}

// bare is an error of a file without the file's name.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

// wipe destroys an original whose content is the one that was sealed, as far as wipePromise says; begun is called, and
// what it notes is durable, before the first byte is overwritten. A file that changed, was replaced or has another name
// stays as it is.
func wipe(path string, n original, begun func() error) error {
	f, info, err := openOriginal(path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	if count, err := names(f, info); err != nil || count > 1 {
		return errors.Join(err, errLinked)
	}
	if sum, err := hexDigest(f); err != nil || sum != n.SHA256 {
		return errors.Join(err, errChanged)
	}
	if err := begun(); err != nil {
		return err
	}
	return destroy(f, path, info)
}

// hexDigest is the SHA-256 of a photo's file.
func hexDigest(f *os.File) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, maxPhoto+1)); err != nil {
		return "", bare(err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// digestOf is hexDigest of the plain file of a name.
func digestOf(path string) (string, error) {
	f, _, err := openOriginal(path, os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return hexDigest(f)
}

// finishWipe goes on where a wipe was cut short: the file is empty, or begins with the zeros that no picture begins with.
// Any other file is a new one; done is false for it.
func finishWipe(path string) (done bool, err error) {
	f, info, err := openOriginal(path, os.O_RDWR)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, min(wipeMark, info.Size()))
	if _, err := io.ReadFull(f, head); err != nil {
		return false, bare(err)
	}
	if !bytes.Equal(head, make([]byte, len(head))) {
		return false, nil
	}
	return true, destroy(f, path, info)
}

// destroy overwrites, cuts, renames and removes; a death in between leaves what finishWipe knows.
func destroy(f *os.File, path string, info fs.FileInfo) error {
	if err := overwrite(f, info.Size()); err != nil {
		return fmt.Errorf("overwriting: %w", bare(err))
	}
	if err := errors.Join(f.Truncate(0), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cutting to nothing: %w", bare(err))
	}
	dir := filepath.Dir(path)
	gone := filepath.Join(dir, wipedPrefix+strings.ToLower(rand.Text()))
	if named, err := os.Lstat(path); err != nil || !os.SameFile(named, info) {
		return errors.Join(err, errReplaced)
	}
	if err := os.Rename(path, gone); err != nil {
		return fmt.Errorf("renaming: %w", bare(err))
	}
	if named, err := os.Lstat(gone); err != nil || !os.SameFile(named, info) {
		// Another file came between the look and the renaming: it gets its name back, if that is still free.
		return errors.Join(bare(err), errReplaced, bare(os.Link(gone, path)), bare(os.Remove(gone)))
	}
	if err := errors.Join(os.Remove(gone), syncDir(dir)); err != nil {
		return fmt.Errorf("removing: %w", bare(err))
	}
	return nil
}

// overwrite writes zeros over the front and, once they are durable, random bytes over the rest: what compresses well is
// not written at all by some file systems and drives.
func overwrite(f *os.File, size int64) error {
	mark := min(wipeMark, size)
	if _, err := f.WriteAt(make([]byte, mark), 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if _, err := f.Seek(mark, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.CopyN(f, rand.Reader, size-mark); err != nil {
		return err
	}
	return f.Sync()
}

// sweepWiped removes the empty files that a death between renaming and removing has left.
func sweepWiped(dir string, entries []fs.DirEntry) error {
	var all error
	for _, e := range entries {
		info, err := e.Info()
		if strings.HasPrefix(e.Name(), wipedPrefix) && err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			all = errors.Join(all, bare(os.Remove(filepath.Join(dir, e.Name()))))
		}
	}
	return all
}
