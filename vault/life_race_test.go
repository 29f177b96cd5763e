package vault_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
)

// TestLifeRaces lets a withdrawal, an erasure or a recall run against the release, the charts and the worker at once, on two
// nodes: whoever comes first, in the end nothing is left that must not be.
func TestLifeRaces(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		second := w.Node(t)
		for name, end := range map[string]func(id vault.PhotoID) error{
			"withdrawal": func(id vault.PhotoID) error {
				_, err := second.ChangeConsent(t.Context(), w.author, id, vault.ConsentChange{Purpose: "record", How: "verbal"})
				return err
			},
			"erasure": func(id vault.PhotoID) error {
				e, err := second.AskErasure(t.Context(), w.records, "", id, "asked for by the patient")
				if err != nil {
					return err
				}
				return second.SignErasure(t.Context(), w.privacy, e)
			},
			"recall": func(id vault.PhotoID) error {
				r, err := second.AskRecall(t.Context(), w.records, id, "", "another patient")
				if err != nil {
					return err
				}
				return second.SignRecall(t.Context(), w.privacy, r)
			},
		} {
			for range 2 {
				id := w.inReview()
				p := w.claim(w.reviewer, id)
				var all sync.WaitGroup
				all.Go(func() {
					if _, err := w.V.Approve(t.Context(), w.reviewer, id, drawn(p.Version)); err != nil && !gone(err) {
						t.Errorf("%s: approving: %v", name, err)
						return
					}
					if _, err := w.V.Attach(t.Context(), w.records, id, []string{"fhir"}); err != nil && !gone(err) {
						t.Errorf("%s: attaching: %v", name, err)
					}
				})
				all.Go(func() {
					for range 5 {
						w.tryDeliver(name)
					}
				})
				all.Go(func() {
					if err := end(id); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
				all.Wait()
				if n := w.keysOf(id, redactedOnes...); n != 0 {
					t.Errorf("%s: %d keys of redacted pictures are left", name, n)
				}
				if n := w.count(`SELECT count(*) FROM attachments WHERE photo = $1 AND state IN ('pending', 'attached')`, string(id)); n != 0 {
					t.Errorf("%s: %d copies are still on their way or in a chart", name, n)
				}
				w.unseen(id)
				w.change(`UPDATE jobs SET state = 'done' WHERE kind IN ('retract', 'erase', 'deliver')`)
			}
		}
		w.verified()
	})
}

// gone says whether an act was too late.
func gone(err error) bool { return errors.Is(err, vault.ErrConflict) || refused(err) }

// tryDeliver does a delivery when one is due, as a chart that keeps what it is given.
func (w *world) tryDeliver(name string) {
	ctx := w.t.Context()
	job, err := w.V.ClaimJob(ctx, w.worker, time.Minute)
	if err != nil || job == nil || job.Kind != vault.JobDeliver {
		return // what is claimed and not done comes again; nothing here waits for it
	}
	d, err := w.V.Delivery(ctx, w.worker, job)
	if err == nil {
		err = w.V.Attached(ctx, w.worker, job, []byte(`{"link":"receiver/1"}`), digest(d.Bytes))
	}
	if err != nil && !gone(err) {
		w.t.Errorf("%s: delivering: %v", name, err)
	}
}
