package vault_test

import (
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// TestLiftedHoldEndsRecall: what a legal hold kept of a recalled photo, or of a release that ended, goes with the hold.
func TestLiftedHoldEndsRecall(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx, other := t.Context(), w.officer()
		both := []string{vault.KindReleasedTeaching, vault.KindReleasedPublication}
		recalled, again := w.allowing(), w.allowing()
		for _, id := range []vault.PhotoID{recalled, again} {
			must(w.V.Release(ctx, w.records, id, "teaching", "for the course of spring"))(t)
		}
		hold := must(w.V.PlaceHold(ctx, w.privacy, w.patient, "", "a court has asked for it"))(t)
		ok(t, w.V.SignRecall(ctx, w.privacy, w.recall(recalled, "")))
		w.says(again, "teaching", false)
		w.says(again, "teaching", true)
		if n, m := w.keysOf(recalled, append(both, redactedOnes...)...), w.keysOf(again, both...); n != 4 || m != 1 {
			t.Fatalf("under the hold %d and %d keys are kept, want 4 and 1", n, m)
		}
		ok(t, w.V.AskLiftHold(ctx, w.privacy, hold, "the court is done"))
		ok(t, w.V.LiftHold(ctx, other, hold))
		if n, m := w.keysOf(recalled, append(both, redactedOnes...)...), w.keysOf(again, both...); n != 0 || m != 0 {
			t.Errorf("after the hold %d and %d keys are left, want none", n, m)
		}
		if n := w.keysOf(again, redactedOnes...); n != 3 {
			t.Errorf("%d keys of what is still released are left, want 3", n)
		}
		must(w.V.ReadRendition(ctx, w.author, again, vault.KindRedacted))(t)
		must(w.V.Release(ctx, w.records, again, "teaching", "for the course of autumn"))(t)
		must(w.V.ReadRelease(ctx, w.records, again, "teaching"))(t)
	})
}
