package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// disk is a real file system of a test's own, on which the test may do what
// happens to disks. Only root can make one.
type disk struct {
	t       testing.TB
	path    string // where it is mounted
	image   string // of an ext4; empty: memory
	options []string
}

func memoryDisk(t testing.TB, size string) *disk {
	d := &disk{t: t, path: t.TempDir(), options: []string{"-t", "tmpfs", "-o", "mode=0700,size=" + size, "none"}}
	d.begin()
	return d
}

// ext4Disk is a journalling file system in a file, as servers have.
func ext4Disk(t testing.TB) *disk {
	t.Helper()
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		if mkfs = "/usr/sbin/mkfs.ext4"; exists(mkfs) != nil {
			t.Skip("SKIPPED, no drill on a real disk: mkfs.ext4 is missing (Debian package e2fsprogs)")
		}
	}
	d := &disk{t: t, path: t.TempDir(), image: filepath.Join(t.TempDir(), "disk.img")}
	d.options = []string{"-o", "loop,errors=remount-ro", d.image}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, 512<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, "-q", d.image).CombinedOutput(); err != nil {
		t.Fatalf("making a file system: %v: %s", err, out)
	}
	d.begin()
	return d
}

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}

// begin mounts the disk for the first time.
func (d *disk) begin() {
	d.t.Helper()
	if os.Getuid() != 0 {
		d.t.Skip("SKIPPED, no drill on a disk of its own: only root can mount one")
	}
	if out, err := d.mount(); err != nil {
		d.t.Skipf("SKIPPED, no drill on a disk of its own: this machine does not let us mount one: %v: %s", err, out)
	}
	d.t.Cleanup(func() { _ = exec.Command("umount", "-l", d.path).Run() })
}

func (d *disk) mount() ([]byte, error) {
	return exec.Command("mount", append(append([]string{}, d.options...), d.path)...).CombinedOutput()
}

// again unmounts the disk and mounts it anew, as a restart of the machine does:
// the journal is played back and the file system checked.
func (d *disk) again() {
	d.t.Helper()
	eventually(d.t, "nobody to use the disk", 20*time.Second, func() bool { return exec.Command("umount", d.path).Run() == nil })
	if out, err := exec.Command("e2fsck", "-p", d.image).CombinedOutput(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() > 1 { // 1: errors were corrected
			d.t.Fatalf("checking the file system: %v: %s", err, out)
		}
	}
	if out, err := d.mount(); err != nil {
		d.t.Fatalf("mounting again: %v: %s", err, out)
	}
}

// powerCut has the file system stop at once and forget all that was not synced
// (ioctl EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH), as a loss of power does.
func (d *disk) powerCut() {
	d.t.Helper()
	const shutdown, noLogFlush = 0x8004587d, 2
	f, err := os.Open(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	flags := uint32(noLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		d.t.Fatalf("cutting the power: %v", errno)
	}
}

// fails has the file system find an error in itself, upon which it lets nobody
// write any more, as at a disk that is going bad.
func (d *disk) fails() {
	d.t.Helper()
	out, err := exec.Command("findmnt", "-no", "SOURCE", d.path).Output()
	if err != nil {
		d.t.Fatal(err)
	}
	trigger := "/sys/fs/ext4/" + filepath.Base(strings.TrimSpace(string(out))) + "/trigger_fs_error"
	if err := os.WriteFile(trigger, []byte("1"), 0); err != nil {
		d.t.Skipf("SKIPPED: this kernel does not let a file system fail on demand: %v", err)
	}
}

// fill takes all space that is left, and returns what frees it again.
func (d *disk) fill() (free func()) {
	d.t.Helper()
	path := filepath.Join(d.path, "filler")
	f, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for size := 4 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			d.t.Error(err)
		}
	}
}

// on makes a service that keeps all its data on the disk.
func (d *disk) on(extra map[string]any) *rig {
	d.t.Helper()
	config := map[string]any{"data": filepath.Join(d.path, "data")}
	for k, v := range extra {
		config[k] = v
	}
	r := drillRig(d.t, config)
	r.s.data = config["data"].(string)
	return r
}

// TestDiskFull: the disk fills up while captures arrive. They are refused for
// now, and go on by themselves when there is space again; also a service that
// was killed and could not start on the full disk does.
func TestDiskFull(t *testing.T) {
	for _, kind := range []string{"memory", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			var d *disk
			if kind == "ext4" {
				d = ext4Disk(t)
			} else {
				d = memoryDisk(t, "48m")
			}
			r := d.on(nil).ready()
			l := r.under(3)
			l.more(5)
			var recovered time.Duration
			for range drillRounds(t, 1) {
				free := d.fill()
				l.refused(5)
				free()
				recovered = max(recovered, l.more(1))
				l.more(5)
			}
			free := d.fill()
			l.refused(2)
			r.s.kill()
			if r.s.begin() {
				r.s.kill()
			} else if text := r.s.log.String(); !strings.Contains(text, "vaultd: ") || strings.Contains(text, "panic") {
				t.Errorf("the start on a full disk said:\n%s", text)
			}
			free()
			r.s.start()
			l.more(5)
			l.settle("disk full, "+kind, recovered)
		})
	}
}

// TestDiskFails: the file system stops taking writes while captures arrive. They
// are refused for now; after a restart on the mended disk they go on, and
// nothing that was acknowledged is missing.
func TestDiskFails(t *testing.T) {
	d := ext4Disk(t)
	r := d.on(nil).ready()
	l := r.under(3)
	l.more(10)
	d.fails()
	l.refused(5)
	r.s.kill()
	r.noFaultOfItsOwn()
	if r.s.begin() {
		t.Error("the service starts on a disk that takes no writes")
		r.s.kill()
	} else if text := r.s.log.String(); !strings.Contains(text, "vaultd: ") || strings.Contains(text, "panic") {
		t.Errorf("the start on a disk that takes no writes said:\n%s", text)
	}
	d.again()
	start := time.Now()
	r.s.start()
	l.more(1)
	recovered := time.Since(start)
	l.more(5)
	l.settle("disk without writes", recovered)
}

// TestPowerCut: the power goes while captures arrive, at any moment: what was
// not synced is lost, on a real file system. Nothing that was acknowledged is.
func TestPowerCut(t *testing.T) {
	d := ext4Disk(t)
	r := d.on(nil).ready()
	l := r.under(4)
	var recovered time.Duration
	rounds := drillRounds(t, 4)
	for i := range rounds {
		l.more(3)
		if i%4 == 3 { // a job whose worker dies eight times is given up
			l.processed()
		}
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
		l.cut(d)
		r.noFaultOfItsOwn()
		d.again()
		start := time.Now()
		r.s.start()
		l.more(1)
		recovered = max(recovered, time.Since(start))
	}
	l.more(5)
	l.settle(fmt.Sprintf("%d power cuts", rounds), recovered)
}
