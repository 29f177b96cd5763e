package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSendsFromAFullDisk: where there is no room for another byte no photo is sealed, and the person told what to do; the
// queue is sent all the same, which makes room.
func TestSendsFromAFullDisk(t *testing.T) {
	b := newBench(t)
	b.state = t.TempDir()
	if err := syscall.Mount("none", b.state, "tmpfs", 0, "mode=0700,size=256k"); err != nil {
		t.Skipf("a small disk needs the right to mount: %v", err)
	}
	defer func() { _ = syscall.Unmount(b.state, syscall.MNT_DETACH) }()
	b.signIn()
	path, content := b.photo(30_000)
	b.server.faults = []func(http.ResponseWriter){busy("600")}
	b.must(exitWaiting, nil, sendArgs(path)...)
	filler, err := os.Create(filepath.Join(b.state, "filler"))
	check(t, err)
	for err == nil {
		_, err = filler.Write(make([]byte, 512))
	}
	check(t, filler.Close())
	says := "no room for the sealed photo: free space, then run it again; it was not sealed, the original is untouched"
	b.must(exitFailed, []string{says}, sendArgs(path)...)
	if code, _, stderr := b.run(content, sendArgs("-")...); code != exitFailed || !strings.Contains(stderr, "no room for the sealed photo: free space, then send it again") {
		t.Errorf("standard input: got exit code %d, said %s", code, stderr)
	}
	b.must(exitFailed, []string{"the disk is full: free space, then run it again"}, b.signInArgs()...)
	if got, err := os.ReadFile(path); err != nil || string(got) != content || len(b.queued()) != 2 {
		t.Errorf("the original: %v; the queue holds %q, want the photo of before", err, b.queued())
	}
	b.must(exitDone, []string{"received as photo"}, "flush")
	if n, _ := b.server.has([]byte(content)); n != 1 || len(b.queued()) != 0 {
		t.Errorf("received %d times, queue %q; want once and none", n, b.queued())
	}
}
