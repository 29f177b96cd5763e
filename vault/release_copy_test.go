package vault_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestRelease: a copy for a purpose is the redacted picture under a key of its own, for records alone, each look logged.
func TestRelease(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.allowing()
		redacted := must(w.V.ReadRendition(ctx, w.records, id, vault.KindRedacted))(t)
		first := must(w.V.Release(ctx, w.records, id, "publication", "canary of the journal"))(t)
		if again := must(w.V.Release(ctx, w.records, id, "publication", "asked for twice"))(t); again != first {
			t.Errorf("released again: got another copy")
		}
		p := must(w.V.ReadRelease(ctx, w.records, id, "publication"))(t)
		if !bytes.Equal(p.Bytes, redacted.Bytes) || p.Width != redacted.Width || p.MediaType != redacted.MediaType {
			t.Error("the copy is not the redacted picture")
		}
		blobs := w.count(`SELECT count(DISTINCT r.blob) FROM renditions r WHERE r.photo = $1 AND r.kind IN ('redacted', 'released_publication')`, string(id))
		if blobs != 2 {
			t.Errorf("%d objects, want the copy to have its own", blobs)
		}
		for name, a := range map[string]vault.Actor{"author": w.author, "reviewer": w.reviewer, "privacy": w.privacy, "admin": w.admin} {
			_, err := w.V.ReadRelease(ctx, a, id, "publication")
			wants(t, name, err, vault.ErrDenied)
		}
		_, err := w.V.ReadRelease(ctx, w.records, id, "teaching")
		wants(t, "what was not released", err, vault.ErrNotFound)
		if n := w.count(`SELECT count(*) FROM audit_events WHERE act = 'release.see' AND outcome = 'ok' AND entry LIKE '%"purpose":"publication"%'`); n != 1 {
			t.Errorf("%d looks in the log with their purpose, want 1", n)
		}
		got := must(w.V.Releases(ctx, w.privacy, id))(t)
		if len(got) != 1 || got[0].ID != first || got[0].Reason != "canary of the journal" || got[0].EndedAt != 0 || got[0].ReleasedByName == "" {
			t.Errorf("releases: %d", len(got))
		}
		w.says(id, "publication", false)
		if got := must(w.V.Releases(ctx, w.records, id))(t); got[0].EndedWhy != "withdrawn" || got[0].EndedAt == 0 {
			t.Errorf("after the withdrawal: %q", got[0].EndedWhy)
		}
	})
}

func TestReleaseRefusals(t *testing.T) {
	w := newWorld(t)
	id, unallowed, unapproved := w.allowing(), w.approved(), w.inReview()
	for name, c := range map[string]struct {
		id              vault.PhotoID
		purpose, reason string
		want            error
	}{
		"for the record":     {id, "record", "a reason", vault.ErrInvalid},
		"for sale":           {id, "sale", "a reason", vault.ErrInvalid},
		"without a reason":   {id, "teaching", "", vault.ErrInvalid},
		"with a long reason": {id, "teaching", strings.Repeat("x", 501), vault.ErrInvalid},
		"without consent":    {unallowed, "teaching", "a reason", vault.ErrConflict},
		"not approved":       {unapproved, "teaching", "a reason", vault.ErrNotFound},
		"no photo":           {"none", "teaching", "a reason", vault.ErrNotFound},
	} {
		_, err := w.V.Release(t.Context(), w.records, c.id, c.purpose, c.reason)
		wants(t, name, err, c.want)
	}
	if n := w.count(`SELECT count(*) FROM releases`); n != 0 {
		t.Errorf("%d releases after refusals", n)
	}
}

// TestReleaseFaults: a fault of the store at either step releases nothing, and the next try does.
func TestReleaseFaults(t *testing.T) {
	for _, fault := range []vaulttest.Fault{vaulttest.Refuse, vaulttest.Lose} {
		for step := 1; step <= 2; step++ {
			w := newWorld(t)
			id := w.allowing()
			w.Blobs.FaultAt(step, fault)
			_, err := w.V.Release(t.Context(), w.records, id, "teaching", "for the course of spring")
			wants(t, "with a fault", err, vault.ErrUnavailable)
			w.Blobs.OnOp(nil)
			if n := w.count(`SELECT count(*) FROM releases`) + w.keysOf(id, vault.KindReleasedTeaching); n != 0 {
				t.Errorf("step %d: %d rows of a copy that was not made", step, n)
			}
			must(w.V.Release(t.Context(), w.records, id, "teaching", "for the course of spring"))(t)
			must(w.V.ReadRelease(t.Context(), w.records, id, "teaching"))(t)
		}
	}
}

// TestReleaseAltered: a copy that the store has changed is refused like any object.
func TestReleaseAltered(t *testing.T) {
	w := newWorld(t)
	id := w.allowing()
	must(w.V.Release(t.Context(), w.records, id, "teaching", "for the course of spring"))(t)
	name := w.text(`SELECT blob FROM renditions WHERE kind = 'released_teaching'`)
	body := w.Blobs.Bytes(name)
	body[len(body)/2] ^= 1
	w.Blobs.Tamper(name, body)
	_, err := w.V.ReadRelease(t.Context(), w.records, id, "teaching")
	wants(t, "an altered copy", err, vault.ErrIntegrity)
}
