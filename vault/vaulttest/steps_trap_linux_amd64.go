package vaulttest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"
)

// How Start sees system calls: the child installs a seccomp filter that asks a
// listener before each call of a kind (seccomp_unotify(2)), hands the listener
// over and becomes the program. The kernel holds the thread until the listener
// answers; killed before the answer, the call is never made. Unlike a debugger
// this counts over all threads and slows down nothing else.

const (
	trapEnv = "CLINIVAULT_TRAPPED"

	sysSeccomp        = 317
	seccompFilter     = 1          // SECCOMP_SET_MODE_FILTER
	seccompListener   = 1 << 3     // SECCOMP_FILTER_FLAG_NEW_LISTENER
	seccompAllow      = 0x7fff0000 // SECCOMP_RET_ALLOW
	seccompNotify     = 0x7fc00000 // SECCOMP_RET_USER_NOTIF
	notifyReceive     = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	notifySend        = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	notifyContinue    = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
	prSetNoNewPrivs   = 38
	pollIn, pollHup   = 1, 16
	sysRenameat2      = 316
	sysCopyFileRange  = 326
	sysPwritev        = 296
	maxPath           = 4096
	offsetOfCallNo    = 0
	offsetOfOpenFlags = 16 + 2*8 // seccomp_data.args[2], low half
)

// watched are the system calls that change what is in a folder. Where the
// path is, if not behind a file descriptor: the number of its argument.
var watched = map[uintptr]struct {
	name string
	path int // argument that points to the path of what changes; -1: argument 0 is an open file
}{
	syscall.SYS_WRITE: {"write", -1}, syscall.SYS_PWRITE64: {"write", -1}, syscall.SYS_WRITEV: {"write", -1}, sysPwritev: {"write", -1},
	syscall.SYS_FSYNC: {"sync", -1}, syscall.SYS_FDATASYNC: {"sync", -1}, syscall.SYS_FTRUNCATE: {"truncate", -1},
	syscall.SYS_FALLOCATE: {"write", -1}, sysCopyFileRange: {"copy", 2},
	syscall.SYS_OPENAT: {"create", 1}, syscall.SYS_OPEN: {"create", 0},
	syscall.SYS_RENAME: {"rename", 1}, syscall.SYS_RENAMEAT: {"rename", 3}, sysRenameat2: {"rename", 3},
	syscall.SYS_LINK: {"link", 1}, syscall.SYS_LINKAT: {"link", 3},
	syscall.SYS_UNLINK: {"unlink", 0}, syscall.SYS_UNLINKAT: {"unlink", 1}, syscall.SYS_RMDIR: {"unlink", 0},
	syscall.SYS_MKDIR: {"mkdir", 0}, syscall.SYS_MKDIRAT: {"mkdir", 1},
}

// errTrap says that this kernel does not let a process listen.
var errTrap = errors.New("the kernel has no notification of system calls (seccomp_unotify): steps cannot be counted")

// notification is struct seccomp_notif, and answer struct seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	call       int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type answer struct {
	id    uint64
	value int64
	err   int32
	flags uint32
}

// launchTrapped becomes the program that Start was given, once the filter is
// installed. It returns at once in a process that Start did not begin.
func launchTrapped() {
	if os.Getenv(trapEnv) == "" {
		return
	}
	err := os.Unsetenv(trapEnv)
	if err == nil {
		runtime.LockOSThread() // the filter is this thread's, and the program goes on in it
		err = installTrap(3)
	}
	if err == nil {
		err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "trap:", err)
	os.Exit(1)
}

func installTrap(socket int) error {
	type instruction struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	const load, equal, bits, give = 0x20, 0x15, 0x45, 0x06 // BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JSET|K, BPF_RET|K
	program := []instruction{{load, 0, 0, offsetOfCallNo}}
	for call := range watched {
		if call == syscall.SYS_OPENAT {
			continue
		}
		program = append(program, instruction{equal, 0, 1, uint32(call)}, instruction{give, 0, 0, seccompNotify})
	}
	program = append(program,
		instruction{equal, 0, 3, syscall.SYS_OPENAT}, instruction{load, 0, 0, offsetOfOpenFlags},
		instruction{bits, 0, 1, syscall.O_CREAT}, instruction{give, 0, 0, seccompNotify}, instruction{give, 0, 0, seccompAllow})
	filter := struct {
		n    uint16
		code *instruction
	}{uint16(len(program)), &program[0]}
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	rights := make([]byte, 0, 64)
	fd, _, errno := syscall.RawSyscall(sysSeccomp, seccompFilter, seccompListener, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return errors.Join(errTrap, errno)
	}
	rights = append(rights, syscall.UnixRights(int(fd))...)
	return syscall.Sendmsg(socket, []byte{1}, rights, nil, 0)
}

// Start starts cmd and counts its steps, and those of its children, on files
// below dir. What it takes from there on is up to Arm.
func (s *Steps) Start(cmd *exec.Cmd, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	theirs := os.NewFile(uintptr(pair[1]), "trap")
	cmd.Args = append([]string{self, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = self
	cmd.Env = append(cmd.Environ(), trapEnv+"=1")
	cmd.ExtraFiles = []*os.File{theirs}
	err = errors.Join(cmd.Start(), theirs.Close())
	if err == nil {
		var listener int
		if listener, err = receiveListener(pair[0]); err == nil {
			go s.watch(listener, dir)
		}
	}
	return errors.Join(err, syscall.Close(pair[0]))
}

func receiveListener(socket int) (int, error) {
	b, oob := make([]byte, 1), make([]byte, 64)
	n, oobn, _, _, err := syscall.Recvmsg(socket, b, oob, syscall.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errTrap
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return 0, errors.Join(errTrap, err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return 0, errors.Join(errTrap, err)
	}
	return fds[0], nil
}

// watch answers the kernel until the last process under the filter has ended.
func (s *Steps) watch(listener int, dir string) {
	defer syscall.Close(listener)
	for {
		ready := struct {
			fd              int32
			events, revents int16
		}{int32(listener), pollIn, 0}
		if _, _, errno := syscall.Syscall(syscall.SYS_POLL, uintptr(unsafe.Pointer(&ready)), 1, 1000); errno != 0 && errno != syscall.EINTR {
			return
		}
		if ready.revents&pollIn == 0 {
			if ready.revents&pollHup != 0 {
				return
			}
			continue
		}
		var n notification
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(listener), notifyReceive, uintptr(unsafe.Pointer(&n)))
		if errno != 0 { // its thread was killed meanwhile
			continue
		}
		if s.seeCall(&n, dir) {
			continue // never answered: the thread is dying
		}
		a := answer{id: n.id, flags: notifyContinue}
		_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, uintptr(listener), notifySend, uintptr(unsafe.Pointer(&a)))
	}
}

var (
	randomName = regexp.MustCompile(`(?i)^([a-z2-7]{26}|\.[a-z]+-[0-9]+)$`)
	hourName   = regexp.MustCompile(`^[0-9]{10}$`)
)

// seeCall makes a step of a call on a file below dir; true: do not answer.
func (s *Steps) seeCall(n *notification, dir string) bool {
	w := watched[uintptr(n.call)]
	path := n.path(w.path)
	rel, below := strings.CutPrefix(path, dir+"/")
	if path == dir {
		rel, below = ".", true
	}
	if !below || strings.HasSuffix(rel, "-shm") || strings.HasSuffix(rel, ".lock") {
		return false
	}
	if w.name == "create" {
		if _, err := os.Lstat(path); err == nil {
			return false // it is only opened
		}
	}
	s.note(w.name, rel)
	if w.name == "link" || w.name == "rename" {
		if old, ok := strings.CutPrefix(n.path(w.path/2), dir+"/"); ok { // the second of two paths, or the fourth of four arguments
			s.carry(old, rel)
		}
	}
	parts := strings.Split(rel, "/")
	for i, p := range parts {
		if randomName.MatchString(p) {
			parts[i] = "*"
		} else if hourName.MatchString(p) {
			parts[i] = "HOUR"
		}
	}
	return s.step(w.name + " " + strings.Join(parts, "/"))
}

// path is what the call is about, seen from outside, "" when that is nothing with a name.
func (n *notification) path(argument int) string {
	proc := fmt.Sprintf("/proc/%d", n.pid)
	if argument < 0 || n.call == sysCopyFileRange {
		path, err := os.Readlink(fmt.Sprintf("%s/fd/%d", proc, n.args[max(0, argument)]))
		if err != nil {
			return ""
		}
		return path
	}
	mem, err := os.Open(proc + "/mem")
	if err != nil {
		return ""
	}
	defer mem.Close()
	b := make([]byte, maxPath)
	got, _ := mem.ReadAt(b, int64(n.args[argument])) // a short read ends at the edge of a mapping
	path, _, _ := bytes.Cut(b[:got], []byte{0})
	return string(path)
}

// note keeps which files hold what no sync has made durable, and which names no
// sync of their folder has.
func (s *Steps) note(what, rel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsynced == nil {
		s.unsynced = map[string]bool{}
	}
	switch what {
	case "sync":
		delete(s.unsynced, rel)
		for entry := range s.unsynced {
			if name, ok := strings.CutSuffix(entry, nameOf); ok && filepath.Dir(name) == rel {
				delete(s.unsynced, entry)
			}
		}
	case "write", "copy", "truncate":
		s.unsynced[rel] = true
	case "unlink":
		delete(s.unsynced, rel)
		s.unsynced[rel+nameOf] = true
	default:
		s.unsynced[rel+nameOf] = true
	}
}

// carry notes that what is in a file has a second name, synced or not.
func (s *Steps) carry(old, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsynced[old] {
		s.unsynced[name] = true
	}
}

// nameOf marks the name of a file in its folder, apart from what is in the file.
const nameOf = " (its name)"

// Unsynced lists what was written, made or removed below the folder of Start and
// not synced since: what the loss of power could take back.
func (s *Steps) Unsynced() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for path := range s.unsynced {
		all = append(all, path)
	}
	slices.Sort(all)
	return all
}
