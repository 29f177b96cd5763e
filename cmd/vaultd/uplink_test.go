package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ward is a service over TLS and a native client that is enrolled at it.
type ward struct {
	*service
	t     *testing.T
	state string
	run   func(args ...string) *exec.Cmd
	photo string
}

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{service: overTLS(t), t: t, photo: filepath.Join(t.TempDir(), "photo.jpg")}
	w.state, w.run = captureProgram(t)
	enrolled(t, w.service, w.run)
	if err := os.WriteFile(w.photo, photograph(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *ward) send(flags ...string) (string, error) {
	args := append([]string{"send", "--patient", "DEMO-0001", "--site", "abdomen"}, flags...)
	out, err := w.run(append(args, w.photo)...).CombinedOutput()
	return string(out), err
}

// TestUplink: an enrolled client sends over the uplink by itself; the receipt is the vault's, and the photo is there once.
func TestUplink(t *testing.T) {
	w := newWard(t)
	got, err := w.send("--transport", "uplink")
	if err != nil || !strings.Contains(got, "received as photo") {
		t.Fatalf("sending: %v %s", err, got)
	}
	t.Log(got)
	t.Log(w.log.String())
}
