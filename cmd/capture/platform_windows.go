package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// errSharing is what Windows says of a file that another program holds for itself (ERROR_SHARING_VIOLATION).
const errSharing = syscall.Errno(32)

// claim takes the lock of a name in a folder: the file, opened for nobody else, which the system closes when a run dies.
// errHeld: another run has it.
func claim(dir, name string) (release func(), err error) {
	return hold(filepath.Join(dir, name), syscall.FILE_ATTRIBUTE_NORMAL)
}

// deleteOnClose has Windows remove a file once it is closed (FILE_FLAG_DELETE_ON_CLOSE).
const deleteOnClose = 0x04000000

// claimFolder takes the lock of a folder that is not ours, and leaves nothing in it. errHeld: another run has it; any
// other error: nothing can be written into the folder.
func claimFolder(dir string) (release func(), err error) {
	return hold(filepath.Join(dir, ".capture-lock"), deleteOnClose)
}

func hold(name string, attributes uint32) (release func(), err error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, attributes, 0)
	if err != nil {
		if errors.Is(err, errSharing) {
			err = errHeld
		}
		return nil, err
	}
	return func() { _ = syscall.CloseHandle(h) }, nil
}

// syncDir does nothing: Windows has no call that makes a folder's names durable, and NTFS keeps a journal of them.
func syncDir(string) error { return nil }

// openPlain opens a file; whoever calls it compares what was opened with what the name itself is, so that no link is
// followed.
func openPlain(path string, flag int) (*os.File, error) { return os.OpenFile(path, flag, 0) }

// names is how many names a file has (hard links).
func names(f *os.File, _ fs.FileInfo) (int, error) {
	var info syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &info); err != nil {
		return 0, err
	}
	return int(info.NumberOfLinks), nil
}

// fullDisk are the errors of a disk or a quota that is full (ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL,
// ERROR_DISK_QUOTA_EXCEEDED).
var fullDisk = []error{syscall.Errno(39), syscall.Errno(112), syscall.Errno(1295)}

// openToOthers cannot tell by the mode here: who may read a file is in the access list that it has from its folder.
func openToOthers(fs.FileInfo) bool { return false }

// stateBase is the folder for what programs keep of a user on this machine.
func stateBase(getenv func(string) string) string {
	if base := getenv("XDG_STATE_HOME"); base != "" {
		return base
	}
	return getenv("LOCALAPPDATA")
}
