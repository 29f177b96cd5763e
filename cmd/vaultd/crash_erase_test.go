package main

import (
	"maps"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestErasureKilledAtEachStep kills the service before each step that is to last
// while a photo in the chart is erased, and starts it again. After the second
// signature was acknowledged nobody sees the photo any more, whatever the moment
// of the kill; before it, the photo is as it was; in the end the erasure is
// certified once and the chart has marked its copy as an error.
func TestErasureKilledAtEachStep(t *testing.T) {
	steps := &vaulttest.Steps{}
	r := newRig(t, steps, nil)
	r.s.launch = func(cmd *exec.Cmd) error { return steps.Start(cmd, r.s.data) }
	r.afterKill = func() { r.passAMinute() }
	r.start()
	r.erasures(10)
}

// TestErasureKilledAtEachMessage does the same on PostgreSQL and MinIO.
func TestErasureKilledAtEachMessage(t *testing.T) {
	steps := &vaulttest.Steps{}
	r, db := newStackRig(t, steps)
	r.db = db
	r.afterKill = func() { passLeases(t, db) }
	r.start()
	r.erasures(7)
}

// erasures erases one photo after the other, cut at each step or at some.
func (r *rig) erasures(some int) {
	r.t.Helper()
	if r.db == nil {
		r.db = r.s.open()
	}
	privacy := r.s.signIn("privacy")
	r.erasure(privacy, 0)
	usual := r.seen
	r.t.Logf("%d steps of %d kinds: %s", len(usual), len(kinds(usual)), strings.Join(kinds(usual), ", "))
	if drillRounds(r.t, 0) == 0 {
		for _, at := range spread(usual, some) {
			r.erasure(privacy, at)
		}
	} else {
		for at := 1; at == 1 || r.killed; at++ {
			r.erasure(privacy, at)
		}
	}
	r.settle()
}

// erasure takes a photo into the chart unharmed, and erases it while the service
// is killed at step at.
func (r *rig) erasure(privacy *person, at int) {
	r.t.Helper()
	r.round(0)
	id := r.photos[len(r.photos)-1]
	r.seen, r.killed = nil, false
	r.steps.Arm(at, r.cut)
	var erasure struct {
		ID vault.ErasureID `json:"id"`
	}
	r.insist("the request", func() bool {
		status, err := r.records.try("POST", "/api/v1/erasures", map[string]any{"photo": id, "reason": "asked for by the test"}, &erasure)
		if err == nil && status == http.StatusConflict { // asked before a kill, whose answer was lost
			erasure.ID = r.erasureOf(id)
		}
		return erasure.ID != ""
	})
	one := "/api/v1/erasures/" + string(erasure.ID)
	signed := false
	var e vault.Erasure
	r.insist("the second signature", func() bool {
		if !r.readable(id) && !signed { // gone before anybody was told: then the erasure must say so
			if status, err := privacy.try("GET", one, nil, &e); err != nil || status != http.StatusOK {
				return false
			}
			if e.State == vault.ErasureAsked {
				r.t.Fatalf("photo %s cannot be seen, and its erasure is only asked for", id)
			}
			return true
		}
		status, err := privacy.try("POST", one+"/sign", nil, nil)
		signed = err == nil && status == http.StatusNoContent
		return signed
	})
	r.insist("the certificate", func() bool {
		r.passAMinute()
		if r.readable(id) {
			r.t.Fatalf("photo %s can be seen after its erasure", id)
		}
		status, err := privacy.try("GET", one, nil, &e)
		return err == nil && status == http.StatusOK && e.State == vault.ErasureDone
	})
	r.note()
	if e.Waiting != 0 || e.Unreached != 0 || e.Certificates != 1 || e.Reached == 0 {
		r.t.Errorf("erasure of photo %s: got %d reached, %d waiting, %d unreached, %d certificates, want all reached and one",
			id, e.Reached, e.Waiting, e.Unreached, e.Certificates)
	}
	r.photos = r.photos[:len(r.photos)-1]
	maps.DeleteFunc(r.receipts, func(_, photo string) bool { return photo == string(id) })
	r.erased++
}

// erasureOf finds the erasure of a photo that was asked for.
func (r *rig) erasureOf(id vault.PhotoID) vault.ErasureID {
	r.t.Helper()
	var all struct{ Erasures []vault.Erasure }
	if status, err := r.records.try("GET", "/api/v1/erasures", nil, &all); err != nil || status != http.StatusOK {
		return ""
	}
	for _, e := range all.Erasures {
		if e.Photo == id {
			return e.ID
		}
	}
	return ""
}

// readable tells whether the released picture of a photo is served.
func (r *rig) readable(id vault.PhotoID) bool {
	r.t.Helper()
	status := 0
	r.insist("an answer", func() bool {
		var err error
		status, _, err = r.records.request(r.t.Context(), "GET", "/api/v1/photos/"+string(id)+"/renditions/redacted", nil, nil)
		return err == nil && status < http.StatusInternalServerError
	})
	return status == http.StatusOK
}

// passAMinute lets the minute pass after which an erasure looks again at what it
// has not reached.
func (r *rig) passAMinute() {
	r.t.Helper()
	if _, err := r.db.Exec(`UPDATE jobs SET run_at = 1 WHERE state = 'ready' AND kind IN ('erase', 'retract')`); err != nil {
		r.t.Fatalf("letting time pass: %v", err)
	}
}
