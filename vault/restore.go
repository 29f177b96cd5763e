package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A restore goes: mark the folder, write the parts, check photo by photo and event by event, write the event, take the
// mark away. Whatever kills it on the way leaves the mark, and nothing but another restore starts in a marked folder.

// restoreMark is the file that makes a folder one that holds a half-restored backup.
const restoreMark = "RESTORE-UNFINISHED"

const restoreMarkText = `This folder holds a half-restored backup. Run "vaultd restore" again, or delete the folder.
`

// ErrHalfRestored: the folder holds a restore that did not come to its end.
var ErrHalfRestored = errors.New("the data folder holds a half-restored backup: run `vaultd restore` again or delete the folder")

// CheckRestored returns ErrHalfRestored for a folder in which a restore was begun and not finished. A folder that does
// not exist is no such folder.
func CheckRestored(dir string) error {
	_, err := os.Lstat(filepath.Join(dir, restoreMark))
	switch {
	case err == nil:
		return ErrHalfRestored
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("looking into the data folder: %w", err)
}

// BeginRestore marks a folder durably, before anything is written to it; it is made when absent.
func BeginRestore(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, restoreMark), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("marking the data folder: %w", err)
	}
	_, err = f.WriteString(restoreMarkText)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("marking the data folder: %w", err)
	}
	return syncDir(dir)
}

// EndRestore takes the mark away, durably.
func EndRestore(dir string) error {
	if err := os.Remove(filepath.Join(dir, restoreMark)); err != nil {
		return fmt.Errorf("unmarking the data folder: %w", err)
	}
	return syncDir(dir)
}

// RestoreOptions is where the parts of a backup go. Database and RootKeyFile name files that must not exist.
type RestoreOptions struct {
	Identities  Identities
	Tenant      string // what the backup must be of; empty takes any
	Database    string // of a whole backup; empty where the backup must hold objects alone
	RootKeyFile string // for the root key, when it is inside and this is not empty
	// Begin is called once the backup was opened and is one that can go here, before anything is written. It marks the
	// folder and gives the store; an object that is there already must be the same.
	Begin    func(BackupInfo) (Blobs, error)
	Progress func(BackupProgress)
}

// Restore writes the parts of a backup to their places. The sealed bytes of each part are authenticated before they are
// used; still, only a nil error says that the backup was whole. Nothing is opened: the caller opens the vault, checks it
// with CheckPhotos and VerifyLog, and tells it with Restored.
func Restore(ctx context.Context, r io.Reader, o RestoreOptions) (BackupInfo, error) {
	plain, err := o.Identities.decrypt(r)
	if err != nil {
		return BackupInfo{}, err
	}
	sink := &restoreSink{ctx: ctx, o: o}
	info, end, err := readArchive(plain, sink)
	if err != nil {
		return info, err
	}
	if info.Whole() && !sink.wrote {
		return info, errBackup
	}
	sink.progress(end.Objects)
	return info, nil
}

// restoreSink writes parts.
type restoreSink struct {
	ctx            context.Context
	o              RestoreOptions
	blobs          Blobs
	wrote          bool // the database
	objects, bytes int64
}

func (s *restoreSink) head(i BackupInfo) error {
	switch {
	case s.o.Tenant != "" && i.Tenant != s.o.Tenant:
		return fmt.Errorf(`the backup is of tenant %q, the configuration says %q: name the right backup, or set "tenant" as it was`,
			shape(i.Tenant), s.o.Tenant)
	case i.Whole() && s.o.Database == "":
		return errors.New("the backup holds a database, and the configuration names PostgreSQL: restore it without \"database\", or name a backup of objects alone")
	case !i.Whole() && s.o.Database != "":
		return errors.New("the backup holds objects alone: restore the database first, with the tools that copied it")
	}
	want, err := newestSchema()
	if err != nil {
		return err
	}
	if i.Schema > want {
		return fmt.Errorf("the backup has schema %d, this program knows only %d: use a newer program", i.Schema, want)
	}
	s.blobs, err = s.o.Begin(i)
	return err
}

func (s *restoreSink) database(size int64, content io.Reader) error {
	if s.o.Database == "" || s.wrote {
		return errBackup
	}
	s.wrote = true
	return restoreFile(s.ctx, s.o.Database, size, content)
}

// rootKey writes the key file whole or not at all: a part of one, left by a restore that was killed, would look to the
// next like a key that the operator put there.
func (s *restoreSink) rootKey(content []byte) error {
	keys, err := parseKeyFile(content)
	if err != nil {
		return errBackup
	}
	if s.o.RootKeyFile == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.o.RootKeyFile), 0o700); err != nil {
		return fmt.Errorf("restoring the root key file: %w", err)
	}
	err = writeKeyFile(s.o.RootKeyFile, keys, func(temp string) error { return os.Link(temp, s.o.RootKeyFile) })
	if err != nil {
		return fmt.Errorf("restoring the root key file: %w", diskError(err))
	}
	return nil
}

// restoreFile writes a file that must not exist, durably.
func restoreFile(ctx context.Context, path string, size int64, content io.Reader) error {
	if err := writeFile(ctx, path, content, size); err != nil {
		if errors.Is(err, errBackup) {
			return err
		}
		return fmt.Errorf("restoring %s: %w", filepath.Base(path), diskError(err))
	}
	return syncDir(filepath.Dir(path))
}

func (s *restoreSink) object(name string, size int64, content io.Reader) error {
	err := s.blobs.Put(s.ctx, name, content, size)
	if errors.Is(err, ErrExists) {
		err = s.same(name, size, content)
	}
	if errors.Is(err, errBackup) {
		return errBackup
	}
	if err != nil {
		return fmt.Errorf("restoring an object: %w", err)
	}
	s.objects++
	s.bytes += size
	s.progress(0)
	return nil
}

// same compares what the store has under a name with what the backup has: a restore that is run again meets its own.
func (s *restoreSink) same(name string, size int64, content io.Reader) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, content); err != nil {
		return err
	}
	r, err := s.blobs.Get(s.ctx, name)
	if err != nil {
		return err
	}
	have := sha256.New()
	n, err := io.Copy(have, io.LimitReader(r, size+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if n != size || !bytes.Equal(sum.Sum(nil), have.Sum(nil)) {
		return errors.New("the store holds another object of the same name: restore to an empty store")
	}
	return nil
}

func (s *restoreSink) progress(of int64) {
	if s.o.Progress != nil {
		s.o.Progress(BackupProgress{s.objects, of, s.bytes})
	}
}
