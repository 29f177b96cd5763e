package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// load is captures that keep arriving, as from several wards at once. Each is
// sent until it has a receipt, as the clients do.
type load struct {
	r    *rig
	stop context.CancelFunc
	all  sync.WaitGroup
	gate sync.RWMutex // closed while nothing new is to be sent

	mu       sync.Mutex // guards all below
	statuses map[int]int
	faults   int // of the network
	last     time.Time
	receipts map[string]string
	again    int  // receipts that named another photo than before
	dark     bool // the power goes: what is answered now, no machine would have
}

// under begins to send, from n senders at once.
func (r *rig) under(n int) *load {
	r.t.Helper()
	ctx, stop := context.WithCancel(r.t.Context())
	l := &load{r: r, stop: stop, statuses: map[int]int{}, receipts: map[string]string{}}
	key := r.clinician.intakeKey()
	for range n {
		l.all.Go(func() {
			for ctx.Err() == nil {
				e, err := r.clinician.sealTo(key, r.patient.ID, r.picture)
				if err != nil {
					r.t.Errorf("sealing: %v", err)
					return
				}
				l.gate.RLock()
				l.sendUntilDone(e)
				l.gate.RUnlock()
				time.Sleep(30 * time.Millisecond)
			}
		})
	}
	return l
}

// sendUntilDone sends one capture for up to two minutes. What was answered with
// a receipt once is now and then sent again: clients do, when an answer is lost.
func (l *load) sendUntilDone(e envelope) {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(l.r.t.Context(), 60*time.Second)
		status, receipt, err := l.r.clinician.send(ctx, e)
		cancel()
		l.mu.Lock()
		if err != nil {
			l.faults++
		} else {
			l.statuses[status]++
		}
		done := err == nil && status/100 == 2 && !l.dark
		if done {
			if before, ok := l.receipts[e.id]; ok && before != receipt.PhotoID {
				l.again++
			}
			l.receipts[e.id], l.last = receipt.PhotoID, time.Now()
			done = len(l.receipts)%5 != 0 || status == http.StatusOK
		}
		l.mu.Unlock()
		if done {
			return
		}
	}
	l.r.t.Errorf("capture %s got no receipt in two minutes", e.id)
}

// cut has the power go by a file system that forgets what was not synced, and counts no answer from then on until the service is
// dead: a sync that waits while ext4 aborts its journal may come back as done, to a program that no power cut had left alive.
func (l *load) cut(d *disk) {
	l.darken(true)
	d.powerCut()
	l.r.s.kill()
	l.darken(false)
}

func (l *load) darken(dark bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dark = dark
}

// acknowledged is how many captures have a receipt.
func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.receipts)
}

// more waits until n more captures have a receipt, and says how long that took.
func (l *load) more(n int) time.Duration {
	l.r.t.Helper()
	start, from := time.Now(), l.acknowledged()
	eventually(l.r.t, fmt.Sprintf("%d more receipts", n), 2*time.Minute, func() bool { return l.acknowledged() >= from+n })
	return time.Since(start)
}

// refused waits until n more captures were refused for now.
func (l *load) refused(n int) {
	l.r.t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.statuses[http.StatusServiceUnavailable]
	}
	from := count()
	eventually(l.r.t, fmt.Sprintf("%d refusals", n), time.Minute, func() bool { return count() >= from+n })
}

// processed lets nothing new arrive until no capture that has a receipt waits
// for its processing.
func (l *load) processed() {
	l.r.t.Helper()
	l.gate.Lock()
	defer l.gate.Unlock()
	l.mu.Lock()
	ids := slices.Collect(maps.Values(l.receipts))
	l.mu.Unlock()
	for _, id := range ids {
		eventually(l.r.t, "photo "+id+" to be processed", 2*time.Minute, func() bool {
			var photo vault.Photo
			status, err := l.r.clinician.try("GET", "/api/v1/photos/"+id, nil, &photo)
			return err == nil && status == http.StatusOK && photo.State != vault.StateAccepted
		})
	}
}

// noFaultOfItsOwn asserts that the service took none of what happened to it for
// a fault of its own: such a request is answered with 500 and logged as an error.
func (r *rig) noFaultOfItsOwn() {
	r.t.Helper()
	for line := range strings.Lines(r.s.log.String()) {
		if strings.Contains(line, `msg="request failed"`) {
			r.t.Errorf("the service logged: %s", line)
		}
	}
}

// settle ends the load and holds the service to every receipt it gave: each
// photo is there once and is processed, the log verifies, nothing but 503 was
// ever answered besides receipts.
func (l *load) settle(drill string, recovered time.Duration) {
	r := l.r
	r.t.Helper()
	l.stop()
	l.all.Wait()
	for status, n := range l.statuses {
		if !slices.Contains([]int{http.StatusOK, http.StatusCreated, http.StatusServiceUnavailable}, status) {
			r.t.Errorf("status %d was answered %d times, want receipts and 503 alone", status, n)
		}
	}
	lost, photos := 0, map[string]bool{}
	for capture, id := range l.receipts {
		var photo vault.Photo
		eventually(r.t, "photo "+id+" to be processed", 2*time.Minute, func() bool {
			status, err := r.clinician.try("GET", "/api/v1/photos/"+id, nil, &photo)
			return err == nil && (status == http.StatusNotFound || photo.State == vault.StateInReview || photo.State == vault.StateQuarantined)
		})
		if photo.State != vault.StateInReview {
			lost++
			r.t.Errorf("capture %s, photo %s: got %q (%s), want in review", capture, id, photo.State, photo.Reason)
		}
		photos[id] = true
	}
	duplicated := l.again + len(l.receipts) - len(photos)
	if duplicated != 0 {
		r.t.Errorf("%d captures became more than one photo, or share one", duplicated)
	}
	r.t.Logf("%s: %d acknowledged, %d lost, %d duplicated, %d refused for now, %d faults of the network, again after %s",
		drill, len(l.receipts), lost, duplicated, l.statuses[http.StatusServiceUnavailable], l.faults, recovered.Round(100*time.Millisecond))
	verifyLog(r.t, r.s)
	r.verifyExport()
	r.checkStore()
}

// ready starts the service of a drill that makes no chart entries.
func (r *rig) ready() *rig {
	r.t.Helper()
	r.s.start()
	r.clinician = r.s.signIn("clinician")
	r.patient = r.clinician.patients()[0]
	return r
}

func drillRig(t testing.TB, extra map[string]any) *rig {
	t.Helper()
	return &rig{t: t, s: newService(t, extra), picture: smallPicture(t)}
}
