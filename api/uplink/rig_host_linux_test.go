package uplink_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// A host is a network namespace of its own that has one way out: a TUN device
// whose other end the rig holds. The namespace has no name and ends with the
// test process, whatever becomes of it; nothing in it reaches another network.
type host struct {
	addr string        // its address, IPv4
	tun  *os.File      // what the host sends is read here, and what it gets written
	work chan func()   // done on the thread that lives in the namespace
	done chan struct{} // closed when that thread is gone
}

// newHost makes a host with an address in 10.77.0.0/16.
func newHost(addr string) (*host, error) {
	h := &host{addr: addr, work: make(chan func()), done: make(chan struct{})}
	made := make(chan error)
	go h.live(made)
	if err := <-made; err != nil {
		return nil, err
	}
	return h, nil
}

// live moves its thread into a new namespace and works there. The thread is
// never given back: it ends with the goroutine.
func (h *host) live(made chan<- error) {
	defer close(h.done)
	runtime.LockOSThread()
	if err := h.enter(); err != nil {
		made <- err
		return
	}
	close(made)
	for f := range h.work {
		f()
	}
}

func (h *host) enter() (err error) {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return fmt.Errorf("making a network namespace (needs root): %w", err)
	}
	if h.tun, err = openTUN("wire"); err != nil {
		return err
	}
	for _, command := range []string{
		"link set lo up", "addr add " + h.addr + "/16 dev wire", "link set wire mtu 1500 txqueuelen 20000 up",
	} {
		if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			return errors.Join(fmt.Errorf("ip %s: %w: %s", command, err, out), h.tun.Close())
		}
	}
	// No transfer may profit from what the kernel learnt in the one before.
	settings := map[string]string{"tcp_no_metrics_save": "1", "tcp_wmem": "4096 16384 4194304", "tcp_rmem": "4096 131072 33554432"}
	for name, value := range settings {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0); err != nil {
			return errors.Join(err, h.tun.Close())
		}
	}
	return nil
}

// openTUN makes a device that carries bare IP packets: with no offload in the
// kernel's way, what is read is what a wire would carry.
func openTUN(name string) (*os.File, error) {
	const (
		setInterface = 0x400454ca      // TUNSETIFF, linux/if_tun.h
		bareTUN      = 0x0001 | 0x1000 // IFF_TUN, IFF_NO_PI
	)
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening /dev/net/tun: %w", err)
	}
	request := struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}{flags: bareTUN}
	copy(request.name[:15], name)
	if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), setInterface, uintptr(unsafe.Pointer(&request))); code != 0 {
		return nil, errors.Join(fmt.Errorf("making a TUN device: %w", code), syscall.Close(fd))
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// in calls f on the host: sockets that f makes, and processes that it starts,
// are the host's. One call at a time.
func (h *host) in(f func()) {
	done := make(chan struct{})
	h.work <- func() { defer close(done); f() }
	<-done
}

func (h *host) close() {
	close(h.work)
	<-h.done
	_ = h.tun.Close()
}

// needRig leaves the test out where namespaces cannot be made, and says so;
// where tools are required, root is never left out.
func needRig(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED, no network of the test's own: only root can make one")
	}
	h, err := newHost("10.77.9.9")
	if err == nil {
		h.close()
		return
	}
	if os.Getenv("CLINIVAULT_TOOLS") == "required" {
		t.Fatalf("making a network of the test's own: %v", err)
	}
	t.Skipf("SKIPPED, no network of the test's own: %v", err)
}
