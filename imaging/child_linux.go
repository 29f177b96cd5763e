package imaging

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"syscall"
)

// limitSelf takes from this process, for good, all that reading a picture does not need: memory beyond
// memoryBytes on top of what the program itself has mapped, processor time, files, and core dumps. Zero means
// the defaults.
func limitSelf(memoryBytes, cpuSeconds uint64) error {
	if memoryBytes == 0 {
		memoryBytes = defaultMemory
	}
	if cpuSeconds == 0 {
		cpuSeconds = defaultCPU
	}
	mapped, err := mappedBytes()
	if err != nil {
		return err
	}
	debug.SetGCPercent(20) // memory here is a few large planes without pointers: collecting often costs nothing
	debug.SetMemoryLimit(int64(min(memoryBytes/4*3, math.MaxInt64)))
	for _, l := range []struct {
		which int
		value uint64
	}{
		{syscall.RLIMIT_CORE, 0},
		{syscall.RLIMIT_FSIZE, 0}, // pipes are not files
		{syscall.RLIMIT_NOFILE, 32},
		{syscall.RLIMIT_CPU, cpuSeconds}, // soft and hard alike: the kernel kills, the runtime would not
		{syscall.RLIMIT_AS, mapped + memoryBytes},
	} {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(l.which, &now); err != nil {
			return fmt.Errorf("imaging: reading limit %d: %w", l.which, err)
		}
		value := min(l.value, now.Max) // a stricter limit from outside stays
		if err := syscall.Setrlimit(l.which, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("imaging: setting limit %d: %w", l.which, err)
		}
	}
	return nil
}

// mappedBytes is the address space in use. The runtime reserves hundreds of megabytes that it never touches,
// so a limit on address space means something only on top of that.
func mappedBytes() (uint64, error) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("imaging: own size: %w", err)
	}
	first, _, _ := bytes.Cut(statm, []byte(" "))
	pages, err := strconv.ParseUint(string(first), 10, 40)
	if err != nil {
		return 0, fmt.Errorf("imaging: own size: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}

const childrenSupported = true

// confine sets how a child starts: it dies with us, and, where the kernel lets us, in its own empty network
// and without any identity on this machine.
func confine(cmd *exec.Cmd, namespaces bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if namespaces {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET
	}
}

// refusesNamespaces reports whether err is the kernel's no to namespaces (clone(2): forbidden, unknown, or none
// allowed to anybody), and not a start that failed for want of something that may be there again soon.
func refusesNamespaces(err error) bool {
	for _, no := range []syscall.Errno{syscall.EPERM, syscall.EINVAL, syscall.ENOSYS, syscall.ENOSPC, syscall.EUSERS} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// killed reports whether a signal ended the process.
func killed(s *os.ProcessState) bool {
	w, ok := s.Sys().(syscall.WaitStatus)
	return ok && w.Signaled()
}
