package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Dir is Blobs in a folder of this machine: one file for each object. A file is
// written under a temporary name, synced, linked to its own name and the folder
// synced, so that it is whole and durable or not there.
type Dir struct {
	root string
	tmp  string
}

// OpenDir opens the folder, made with mode 0700 when absent, and removes what a
// crash left half written more than an hour ago.
func OpenDir(path string) (*Dir, error) {
	root, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store folder: %w", err)
	}
	d := &Dir{root: filepath.Join(root, "objects"), tmp: filepath.Join(root, "tmp")}
	for _, p := range []string{root, d.root, d.tmp} {
		if err := os.MkdirAll(p, 0o700); err != nil {
			return nil, fmt.Errorf("making store folder: %w", err)
		}
	}
	left, err := os.ReadDir(d.tmp)
	if err != nil {
		return nil, fmt.Errorf("reading store folder: %w", err)
	}
	for _, f := range left {
		info, err := f.Info()
		if err != nil || time.Since(info.ModTime()) < orphanAge {
			continue // gone, or another process is writing it
		}
		if err := os.Remove(filepath.Join(d.tmp, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("clearing store folder: %w", err)
		}
	}
	return d, syncDir(root)
}

// Put is Blobs.Put.
func (d *Dir) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	if err := CheckBlobName(name); err != nil {
		return err
	}
	final := filepath.Join(d.root, filepath.FromSlash(name))
	if _, err := os.Lstat(final); err == nil {
		return ErrExists
	}
	temp := filepath.Join(d.tmp, rand.Text())
	defer os.Remove(temp) // the second name of a stored object, or the rest of a failure
	if err := writeFile(ctx, temp, body, size); err != nil {
		return diskError(err)
	}
	if err := d.makeParents(filepath.Dir(final)); err != nil {
		return diskError(err)
	}
	if err := os.Link(temp, final); err != nil { // unlike a rename, this never replaces
		if errors.Is(err, fs.ErrExist) {
			return ErrExists
		}
		return diskError(err)
	}
	return diskError(syncDir(filepath.Dir(final)))
}

// writeFile writes exactly size bytes and syncs them.
func writeFile(ctx context.Context, path string, body io.Reader, size int64) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err := io.Copy(f, io.LimitReader(body, size))
	if err != nil {
		return err
	}
	if n < size {
		return io.ErrUnexpectedEOF
	}
	if more, err := body.Read(make([]byte, 1)); more > 0 || (err != nil && err != io.EOF) {
		return errors.Join(fmt.Errorf("object is longer than announced: %w", ErrInvalid), err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.Sync()
}

// makeParents makes the folders of a name and syncs each into its own parent.
func (d *Dir) makeParents(dir string) error {
	if dir == d.root {
		return nil
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := d.makeParents(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Get is Blobs.Get.
func (d *Dir) Get(_ context.Context, name string) (io.ReadCloser, error) {
	if err := CheckBlobName(name); err != nil {
		return nil, err
	}
	// Whoever owns the folder may have put anything there: a pipe must not be waited for, a link not be followed.
	f, err := os.OpenFile(filepath.Join(d.root, filepath.FromSlash(name)), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, diskError(err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(ErrAbsent, f.Close())
	}
	return f, nil
}

// Delete is Blobs.Delete.
func (d *Dir) Delete(_ context.Context, name string) error {
	if err := CheckBlobName(name); err != nil {
		return err
	}
	path := filepath.Join(d.root, filepath.FromSlash(name))
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return nil
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return diskError(err)
	}
	return diskError(syncDir(filepath.Dir(path)))
}

// List is Blobs.List.
func (d *Dir) List(ctx context.Context, prefix string, fn func(name string, size int64) error) error {
	if err := CheckBlobPrefix(prefix); err != nil {
		return err
	}
	start := d.root
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		start = filepath.Join(d.root, filepath.FromSlash(prefix[:i]))
	}
	return filepath.WalkDir(start, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return diskError(err)
		}
		if err := ctx.Err(); err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(d.root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !strings.HasPrefix(name, prefix) {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return diskError(err)
		}
		return fn(name, info.Size())
	})
}

// Ping is Blobs.Ping: it writes, syncs and removes a small file.
func (d *Dir) Ping(ctx context.Context) error {
	temp := filepath.Join(d.tmp, rand.Text())
	err := writeFile(ctx, temp, strings.NewReader("ping"), 4)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: the store folder is gone", ErrUnavailable)
	}
	return diskError(errors.Join(err, os.Remove(temp)))
}

// diskError gives the sentinel of a file error. The text of a *PathError names
// our own folders only, but a path is of no use to a caller.
func diskError(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrInvalid):
		return err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENXIO):
		return ErrAbsent // nothing of ours: also a link, or a socket
	case errors.As(err, &errno):
		return fmt.Errorf("%w: store folder: %w", ErrUnavailable, errno)
	}
	return fmt.Errorf("store folder: %w", err)
}
