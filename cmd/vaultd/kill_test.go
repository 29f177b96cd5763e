package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestKilledAnyTime sends captures while the real binary is killed with SIGKILL
// at random moments, as a power cut would, and started again. Every capture is
// sent until it has a receipt, as the clients do. In the end each one stands
// exactly once and every one was processed: G2.
func TestKilledAnyTime(t *testing.T) {
	const rounds, perRound = 4, 4
	s := newService(t, nil)
	s.start()
	clinician := s.signIn("clinician")
	patient := clinician.patients()[0]
	picture := photograph(t)
	var all []envelope
	receipts := map[string]string{}
	for range rounds {
		var batch []envelope
		for range perRound {
			batch = append(batch, clinician.seal(patient.ID, picture))
		}
		all = append(all, batch...)
		sendUntilKilled(t, s, clinician, batch, receipts)
		s.start()
	}
	for _, e := range all {
		status, receipt, err := clinician.send(t.Context(), e)
		if err != nil || status/100 != 2 {
			t.Fatalf("sending again after the last restart: status %d, %v", status, err)
		}
		if before, ok := receipts[e.id]; ok && before != receipt.PhotoID {
			t.Errorf("capture %s became photo %s, its first receipt said %s", e.id, receipt.PhotoID, before)
		}
	}
	eventually(t, "every capture to be processed", 3*time.Minute, func() bool {
		waiting := 0
		for _, photos := range clinician.captures() {
			if photos[0].State == vault.StateAccepted {
				waiting++
			}
		}
		return waiting == 0
	})
	got := clinician.captures()
	for _, e := range all {
		photos := got[e.id]
		if len(photos) != 1 || photos[0].State != vault.StateInReview {
			t.Errorf("capture %s: got %d photos %v, want one in review", e.id, len(photos), photos)
		}
	}
	if len(got) != len(all) {
		t.Errorf("got %d captures, want %d", len(got), len(all))
	}
	verifyLog(t, s)
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

// verifyLog has the privacy officer verify the log.
func verifyLog(t testing.TB, s *service) {
	t.Helper()
	var v vault.Verification
	s.signIn("privacy").must("POST", "/api/v1/audit/verify", nil, &v)
	if !v.OK {
		t.Errorf("the log does not verify: %s", v.Problem)
	}
}
