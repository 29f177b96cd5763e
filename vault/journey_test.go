package vault_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// TestJourney takes one photo from the camera's seal to two charts, on both databases.
func TestJourney(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		capture := w.Capture(t, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) { f.Note = "test note" })
		receipt := w.Send(t, w.author, capture)
		id := vault.PhotoID(receipt.PhotoID)
		keys := must(w.V.PublicKeys(ctx))(t)
		ok(t, seal.VerifyReceipt(ed25519.PublicKey(keys.Receipts[0].Key), receipt))
		w.Work(t)
		for _, kind := range []string{vault.KindCoveredThumb, vault.KindCoveredDisplay} {
			if p := must(w.V.ReadRendition(ctx, w.colleague, id, kind))(t); !isJPEG(p.Bytes) || p.MediaType != "image/jpeg" {
				t.Errorf("%s is not a JPEG", kind)
			}
		}
		mine := must(w.V.PatientPhotos(ctx, w.author, w.patient))(t)
		if len(mine) != 1 || mine[0].Note != "test note" || mine[0].State != vault.StateInReview || mine[0].Width != 160 {
			t.Fatalf("the author sees %#v", mine)
		}
		p := w.claim(w.reviewer, id)
		done := must(w.V.Approve(ctx, w.reviewer, id, drawn(p.Version)))(t)
		if done.State != vault.StateApproved || done.Version != p.Version+1 {
			t.Errorf("after approval: state %s version %d, want approved %d", done.State, done.Version, p.Version+1)
		}
		redacted := must(w.V.ReadRendition(ctx, w.records, id, vault.KindRedacted))(t)
		cert, err := vault.VerifyCertificate(must(w.V.Certificate(ctx, w.records, id))(t), w.trust())
		if err != nil || !cert.Fits(redacted.Bytes) || cert.Photo != id || len(cert.Masked) != 1 {
			t.Errorf("certificate %+v, %v", cert, err)
		}
		w.checkLogPosition(cert.Certificate)
		if asked := must(w.V.Attach(ctx, w.records, id, nil))(t); len(asked) != 2 {
			t.Fatalf("asked for %d attachments, want 2", len(asked))
		}
		targets := []string{w.deliver().Target, w.deliver().Target}
		slices.Sort(targets)
		if !slices.Equal(targets, []string{"dicom", "fhir"}) {
			t.Errorf("delivered to %v", targets)
		}
		for _, x := range must(w.V.Attachments(ctx, w.records, id))(t) {
			if x.State != vault.AttachmentAttached || x.Link != "receiver/1" || x.AttachedAt == 0 {
				t.Errorf("attachment %+v is not attached", x)
			}
		}
		ok(t, w.V.Sweep(ctx, w.worker))
		if n := w.count(`SELECT count(*) FROM jobs WHERE state <> 'done'`); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
		w.verified()
	})
}

// checkLogPosition looks up the event that the certificate names.
func (w *world) checkLogPosition(c vault.Certificate) {
	w.t.Helper()
	n := w.count(`SELECT count(*) FROM audit_events WHERE seq = $1 AND act = 'review.approve' AND outcome = 'ok' AND photo = $2`,
		c.LogPosition, string(c.Photo))
	if n != 1 {
		w.t.Errorf("event %d is not the approval of %s", c.LogPosition, c.Photo)
	}
}

func TestFHIRGetsTheRedactedBytes(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	must(w.V.Attach(t.Context(), w.records, id, []string{"fhir"}))(t)
	d := w.deliver()
	want := must(w.V.ReadRendition(t.Context(), w.records, id, vault.KindRedacted))(t)
	if sha256.Sum256(d.Bytes) != sha256.Sum256(want.Bytes) {
		t.Error("the delivery's bytes are not the redacted rendition's")
	}
}
