package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestNothingUnsynced: when a receipt is given, nothing that the service wrote
// waits for a sync, neither a file nor the entry of a file in its folder. A kill
// alone would not tell: what is not synced outlives a process, but not the loss
// of power.
func TestNothingUnsynced(t *testing.T) {
	steps := &vaulttest.Steps{}
	s := newService(t, map[string]any{"worker": false})
	s.launch = func(cmd *exec.Cmd) error { return steps.Start(cmd, s.data) }
	makeFolder(t, s.data)
	s.start()
	clinician := s.signIn("clinician")
	patient := clinician.patients()[0].ID
	for range 3 {
		e := clinician.seal(patient, vaulttest.Picture(t, 96, 64, 7))
		status, _, err := clinician.send(t.Context(), e)
		unsynced := steps.Unsynced()
		if err != nil || status != http.StatusCreated {
			t.Fatalf("sending: status %d, %v", status, err)
		}
		for _, path := range unsynced {
			// Temporary names are of no use after a restart; the demo's accounts are made anew.
			if !strings.HasPrefix(path, "objects/tmp/") && !strings.HasPrefix(path, "demo-accounts.json") && !strings.HasPrefix(path, ".vaultd-") {
				t.Errorf("after the receipt: %s was written and not synced", path)
			}
		}
	}
	if seen := steps.Unsynced(); len(seen) == 0 {
		t.Error("not even the folder of temporary files: the watching is wrong")
	}
}

// TestKilledManyAtOnce kills the service while several captures arrive at once.
// Each is sent until it has a receipt, as the clients do; in the end each stands
// once, with the bytes that were sent.
func TestKilledManyAtOnce(t *testing.T) {
	s := newService(t, nil)
	s.start()
	clinician := s.signIn("clinician")
	patient, picture := clinician.patients()[0].ID, vaulttest.Picture(t, 96, 64, 7)
	var all []envelope
	receipts := map[string]string{}
	for range drillRounds(t, 6) {
		var batch []envelope
		for range 6 {
			batch = append(batch, clinician.seal(patient, picture))
		}
		all = append(all, batch...)
		sendUntilKilled(t, s, clinician, batch, receipts)
		s.start()
	}
	acknowledged := len(receipts)
	for _, e := range all {
		status, receipt, err := clinician.send(t.Context(), e)
		if err != nil || status/100 != 2 {
			t.Fatalf("sending again after the last restart: status %d, %v", status, err)
		}
		if before, ok := receipts[e.id]; ok && before != receipt.PhotoID {
			t.Errorf("capture %s became photo %s, its first receipt said %s", e.id, receipt.PhotoID, before)
		}
		receipts[e.id] = receipt.PhotoID
	}
	allInReview(t, clinician, receipts)
	reviewer, originals := s.signIn("reviewer"), 0
	var first []byte
	for {
		var next struct{ Photo *vault.Photo }
		reviewer.must("POST", "/api/v1/review/next", nil, &next)
		if next.Photo == nil {
			break
		}
		original := readAll(t, reviewer, *next.Photo, vault.KindOriginal)[vault.KindOriginal]
		if first == nil {
			first = original
		}
		if originals++; !bytes.Equal(first, original) {
			t.Errorf("photo %s: its original differs from the same picture's before", next.Photo.ID)
		}
		reviewer.must("POST", "/api/v1/photos/"+string(next.Photo.ID)+"/reject",
			map[string]any{"version": next.Photo.Version, "reason": "counted by the test"}, nil)
	}
	if originals != len(all) {
		t.Errorf("got %d photos to review, want %d: one for each capture", originals, len(all))
	}
	t.Logf("%d captures, %d acknowledged before a kill, %d photos", len(all), acknowledged, originals)
	verifyLog(t, s)
}

// allInReview waits until no photo of the receipts waits for its processing.
func allInReview(t *testing.T, p *person, receipts map[string]string) {
	t.Helper()
	for _, id := range receipts {
		eventually(t, "photo "+id+" to be processed", 3*time.Minute, func() bool {
			var photo vault.Photo
			p.must("GET", "/api/v1/photos/"+id, nil, &photo)
			if photo.State != vault.StateAccepted && photo.State != vault.StateInReview {
				t.Fatalf("photo %s is %s: %s", id, photo.State, photo.Reason)
			}
			return photo.State == vault.StateInReview
		})
	}
}

// sendUntilKilled sends the batch in parallel and kills the service at a random
// moment; receipts seen are kept.
func sendUntilKilled(t *testing.T, s *service, p *person, batch []envelope, receipts map[string]string) {
	t.Helper()
	var mu sync.Mutex
	var sending sync.WaitGroup
	for _, e := range batch {
		sending.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			status, receipt, err := p.send(ctx, e)
			if err == nil && status == http.StatusCreated {
				mu.Lock()
				receipts[e.id] = receipt.PhotoID
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
	s.kill()
	sending.Wait()
}

func makeFolder(t testing.TB, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// verifyLog has the privacy officer verify the log.
func verifyLog(t testing.TB, s *service) {
	t.Helper()
	var v vault.Verification
	s.signIn("privacy").must("POST", "/api/v1/audit/verify", nil, &v)
	if !v.OK {
		t.Errorf("the log does not verify: %s", v.Problem)
	}
}
