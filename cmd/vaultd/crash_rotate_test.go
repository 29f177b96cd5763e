package main

import (
	"bytes"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestRotationKilledAtEachStep kills `vaultd keys rotate` before each step that
// is to last, while the service runs beside it. After each kill everything still
// opens, also in a service that is started anew; asked for again the rotation
// goes on to its end, and every object opens under the keys that it left.
func TestRotationKilledAtEachStep(t *testing.T) {
	r := newRig(t, &vaulttest.Steps{}, nil)
	r.start()
	r.round(0)
	for _, kind := range []string{"root", "patients", "intake", "receipt", "certificate", "log"} {
		t.Run(kind, func(t *testing.T) {
			r.rotations(t, 5, func(steps *vaulttest.Steps, cmd *exec.Cmd) error { return steps.Start(cmd, r.s.data) }, kind)
		})
	}
	r.finishNext()
	r.settle()
}

// TestRotationKilledAtEachMessage does the same on PostgreSQL and MinIO.
func TestRotationKilledAtEachMessage(t *testing.T) {
	steps := &vaulttest.Steps{}
	r, db := newStackRig(t, steps)
	r.afterKill = func() { passLeases(t, db) }
	r.start()
	r.round(0)
	for _, kind := range []string{"root", "patients", "intake", "log"} {
		t.Run(kind, func(t *testing.T) {
			flags := []string{kind}
			if kind == "root" {
				flags = append(flags, "--shared-key-file")
			}
			r.rotations(t, 4, func(_ *vaulttest.Steps, cmd *exec.Cmd) error { return cmd.Start() }, flags...)
		})
	}
	r.finishNext()
	r.settle()
}

// rotations rotates one kind of key over and over, cut at each step or at some.
func (r *rig) rotations(t *testing.T, some int, start func(*vaulttest.Steps, *exec.Cmd) error, flags ...string) {
	t.Helper()
	seen, _ := r.rotate(t, 0, start, flags)
	t.Logf("%d steps: %s", len(seen), strings.Join(kinds(seen), ", "))
	if drillRounds(t, 0) == 0 {
		for _, at := range spread(seen, some) {
			r.rotate(t, at, start, flags)
		}
		return
	}
	for at, killed := 1, true; killed; at++ {
		_, killed = r.rotate(t, at, start, flags)
	}
}

// rotate asks for a rotation, cuts it at a step, looks whether all still opens,
// and asks for it again.
func (r *rig) rotate(t *testing.T, at int, start func(*vaulttest.Steps, *exec.Cmd) error, flags []string) (seen []string, killed bool) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	steps := r.steps
	args := append(append([]string{"keys", "rotate"}, flags...), "--config", r.s.config)
	cmd := exec.Command(path, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	steps.Arm(at, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	if err := start(steps, cmd); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	seen, killed = steps.Disarm()
	r.rounds++
	if !killed {
		if err != nil {
			t.Fatalf("keys rotate: %v: %s", err, said.String())
		}
		r.opens(t)
		return seen, false
	}
	r.kills++
	r.opens(t)
	if at%2 == 0 { // also where a service starts on what the kill left
		r.s.kill()
		r.s.start()
		r.opens(t)
	}
	if out, err := runBinary(t, args...); err != nil {
		t.Fatalf("keys rotate, asked for again after a kill at step %d of %v: %v: %s", at, seen, err, out)
	}
	r.opens(t)
	return seen, true
}

// opens sends a capture and reads a picture: both need the keys as they are now.
func (r *rig) opens(t *testing.T) {
	t.Helper()
	e := r.clinician.seal(r.patient.ID, r.picture)
	if !r.sent(e) {
		t.Fatal("a capture was refused")
	}
	for _, id := range r.photos {
		status, _, err := r.records.request(t.Context(), "GET", "/api/v1/photos/"+string(id)+"/renditions/"+vault.KindRedacted, nil, nil)
		if err != nil || status != http.StatusOK {
			t.Fatalf("reading photo %s: status %d, %v", id, status, err)
		}
	}
}
