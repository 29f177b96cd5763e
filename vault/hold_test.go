package vault_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestHoldWins: under a legal hold nothing is destroyed, whoever asks for it, and what is withdrawn is refused all the same.
func TestHoldWins(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, c := range []struct {
			name  string
			place func(id vault.PhotoID) vault.HoldID
		}{
			{"of the photo", func(id vault.PhotoID) vault.HoldID {
				return must(w.V.PlaceHold(ctx, w.privacy, "", id, "case of the canary"))(t)
			}},
			{"of the patient", func(vault.PhotoID) vault.HoldID {
				return must(w.V.PlaceHold(ctx, w.records, w.patient, "", "case of the canary"))(t)
			}},
		} {
			id := w.allowing()
			must(w.V.Release(ctx, w.records, id, "teaching", "for the course of spring"))(t)
			asked := must(w.V.AskErasure(ctx, w.records, "", id, "asked for before the hold"))(t)
			hold := c.place(id)
			_, err := w.V.AskErasure(ctx, w.records, w.patient, "", "asked for under the hold")
			wants(t, c.name+": asking", err, vault.ErrConflict)
			wants(t, c.name+": signing", w.V.SignErasure(ctx, w.privacy, asked), vault.ErrConflict)
			w.says(id, "record", false)
			w.says(id, "teaching", false)
			w.unseen(id)
			_, err = w.V.ReadRelease(ctx, w.records, id, "teaching")
			wants(t, c.name+": the copy", err, vault.ErrNotFound)
			if n := w.keysOf(id); n != 9 {
				t.Errorf("%s: %d keys under the hold, want all 9", c.name, n)
			}

			wants(t, c.name+": lifting alone", w.V.LiftHold(ctx, w.privacy, hold), vault.ErrConflict)
			ok(t, w.V.AskLiftHold(ctx, w.privacy, hold, "the case is closed"))
			wants(t, c.name+": lifting what one asked for", w.V.LiftHold(ctx, w.privacy, hold), vault.ErrDenied)
			ok(t, w.V.AskLiftHold(ctx, w.records, hold, "the case is closed"))
			ok(t, w.V.LiftHold(ctx, w.privacy, hold))
			wants(t, c.name+": lifting twice", w.V.LiftHold(ctx, w.privacy, hold), vault.ErrConflict)
			wants(t, c.name+": asking for what is lifted", w.V.AskLiftHold(ctx, w.records, hold, "the case is closed"), vault.ErrConflict)
			if n := w.keysOf(id, append(redactedOnes, vault.KindReleasedTeaching)...); n != 0 {
				t.Errorf("%s: %d keys of what was withdrawn after the hold, want none", c.name, n)
			}
			ok(t, w.V.SignErasure(ctx, w.privacy, asked))
		}
		w.verified()
	})
}

// TestHolds: who placed and lifted a hold, and why, is for those who may know; the reason is nowhere else.
func TestHolds(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	first := must(w.V.PlaceHold(t.Context(), w.privacy, "", id, "case of the canary"))(t)
	w.Clock.Add(time.Minute)
	must(w.V.PlaceHold(t.Context(), w.records, w.foreign, "", "another case"))(t)
	ok(t, w.V.AskLiftHold(t.Context(), w.records, first, "the canary is closed"))
	got := must(w.V.Holds(t.Context(), w.records, w.patient))(t)
	if len(got) != 1 || got[0].State != "lift_asked" || got[0].Reason != "case of the canary" || got[0].LiftReason != "the canary is closed" ||
		got[0].Photo != id || got[0].PatientName == "" || got[0].PlacedBy != w.privacy.Person() || got[0].LiftBy != w.records.Person() {
		t.Errorf("holds of the patient: %d, state %s, reason %q", len(got), got[0].State, got[0].Reason)
	}
	ok(t, w.V.LiftHold(t.Context(), w.privacy, first))
	all := must(w.V.Holds(t.Context(), w.privacy, ""))(t)
	if len(all) != 2 || all[0].State != "held" || all[1].State != "lifted" || all[1].LiftedByName == "" {
		t.Errorf("all holds: %d, %s then %s", len(all), all[0].State, all[1].State)
	}
	for table, text := range w.dump() {
		if contains(text, "canary") {
			t.Errorf("table %s holds the reason in clear", table)
		}
	}
	for name, err := range map[string]error{
		"an empty reason":             second(w.V.PlaceHold(t.Context(), w.privacy, "", id, "")),
		"a photo of another":          second(w.V.PlaceHold(t.Context(), w.privacy, w.foreign, id, "a reason")),
		"an empty reason for lifting": w.V.AskLiftHold(t.Context(), w.privacy, first, ""),
	} {
		wants(t, name, err, vault.ErrInvalid)
	}
	wants(t, "nobody's", second(w.V.PlaceHold(t.Context(), w.privacy, "none", "", "a reason")), vault.ErrNotFound)
	wants(t, "no hold", w.V.AskLiftHold(t.Context(), w.privacy, "none", "a reason"), vault.ErrNotFound)
}

// holding is a store that can lock objects.
type holding struct {
	*vaulttest.Memory
	held map[string]bool
	fail error
}

func (h *holding) Hold(_ context.Context, name string, on bool) error {
	if h.fail != nil {
		return h.fail
	}
	if h.Bytes(name) == nil {
		return vault.ErrAbsent
	}
	h.held[name] = on
	return nil
}

// TestCarryHold: a store that can lock objects is asked to, for every object of the hold and no other.
func TestCarryHold(t *testing.T) {
	w := newWorld(t)
	store := &holding{Memory: w.Blobs, held: map[string]bool{}}
	w.Cfg.Blobs = store
	w.reopen()
	id, other := w.approved(), w.approved()
	hold := must(w.V.PlaceHold(t.Context(), w.privacy, "", id, "a case in court"))(t)
	state := func() vault.Hold { return must(w.V.Holds(t.Context(), w.privacy, ""))(t)[0] }
	if got := state(); got.Store != "waiting" {
		t.Errorf("store %s before the job", got.Store)
	}
	store.fail = vault.ErrUnavailable
	job := w.job(vault.JobHold)
	wants(t, "a store that does not answer", w.V.CarryHold(t.Context(), w.worker, job), vault.ErrUnavailable)
	store.fail = nil
	ok(t, w.V.CarryHold(t.Context(), w.worker, job))
	if got := state(); got.Store != "held" || got.Objects != 8 {
		t.Errorf("store %s, %d objects, want 8 held", got.Store, got.Objects)
	}
	for _, p := range []vault.PhotoID{id, other} {
		if n := w.lockedOf(store, p); n != map[bool]int{true: 8, false: 0}[p == id] {
			t.Errorf("%d objects of photo %v locked", n, p == id)
		}
	}
	whole := must(w.V.PlaceHold(t.Context(), w.privacy, w.patient, "", "another case"))(t)
	w.Work(t)
	if n := w.lockedOf(store, other); n != 8 {
		t.Errorf("%d objects of the patient's other photo locked, want 8", n)
	}
	lift := func(id vault.HoldID) {
		ok(t, w.V.AskLiftHold(t.Context(), w.records, id, "the case is closed"))
		ok(t, w.V.LiftHold(t.Context(), w.privacy, id))
		w.Work(t)
	}
	lift(hold)
	if n := w.lockedOf(store, id); n != 8 {
		t.Errorf("%d objects locked while the patient's hold lasts, want 8", n)
	}
	lift(whole)
	if n := w.lockedOf(store, id) + w.lockedOf(store, other); n != 0 {
		t.Errorf("%d objects still locked after both holds", n)
	}
}

// lockedOf counts the objects of a photo that the store locks.
func (w *world) lockedOf(h *holding, id vault.PhotoID) (n int) {
	w.t.Helper()
	for name, on := range h.held {
		if on && w.count(`SELECT count(*) FROM renditions WHERE photo = $1 AND blob = $2`, string(id), name) > 0 {
			n++
		}
	}
	return n
}

// TestHoldWithoutStore: where the store cannot lock, the hold holds all the same and says so.
func TestHoldWithoutStore(t *testing.T) {
	for name, fail := range map[string]error{"no such thing": nil, "not this bucket": errors.ErrUnsupported} {
		w := newWorld(t)
		if fail != nil {
			w.Cfg.Blobs = &holding{Memory: w.Blobs, held: map[string]bool{}, fail: fail}
			w.reopen()
		}
		id := w.approved()
		must(w.V.PlaceHold(t.Context(), w.privacy, "", id, "a case in court"))(t)
		w.Work(t)
		if got := must(w.V.Holds(t.Context(), w.privacy, ""))(t)[0]; got.Store != "unsupported" || got.Objects != 0 {
			t.Errorf("%s: store %s, want unsupported", name, got.Store)
		}
		_, err := w.V.AskErasure(t.Context(), w.records, "", id, "asked for under the hold")
		wants(t, name, err, vault.ErrConflict)
	}
}
