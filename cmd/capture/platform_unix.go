//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// claim takes the lock of a name in a folder, which the kernel gives back when a run dies. errHeld: another run has it.
func claim(dir, name string) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return flock(f)
}

// claimFolder takes the lock of a folder that is not ours, and leaves nothing in it. errHeld: another run has it; any
// other error: the folder's file system has no locks.
func claimFolder(dir string) (release func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return flock(f)
}

func flock(f *os.File) (release func(), err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errHeld
		}
		return nil, err
	}
	return func() { f.Close() }, nil
}

// syncDir makes names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openPlain opens a file without following a link in its last part, and without waiting for a pipe's other end.
func openPlain(path string, flag int) (*os.File, error) {
	return os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// names is how many names a file has (hard links).
func names(_ *os.File, info fs.FileInfo) (int, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("counting a file's names: %w", errors.ErrUnsupported)
	}
	return int(stat.Nlink), nil
}

// fullDisk are the errors of a disk or a quota that is full.
var fullDisk = []error{syscall.ENOSPC, syscall.EDQUOT}

// openToOthers reports whether others than the owner may read a file.
func openToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// stateBase is the folder for what programs keep of a user.
func stateBase(getenv func(string) string) string {
	if base := getenv("XDG_STATE_HOME"); base != "" {
		return base
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state")
	}
	return ""
}
