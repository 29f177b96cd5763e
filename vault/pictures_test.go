package vault_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// TestWhoSeesWhat is DESIGN section 3 for pictures: each kind of rendition, in each state, for each sort of person.
func TestWhoSeesWhat(t *testing.T) {
	covered := []string{vault.KindCoveredThumb, vault.KindCoveredDisplay}
	open := []string{vault.KindOriginal, vault.KindDisplay, vault.KindThumb}
	redacted := []string{vault.KindRedacted, vault.KindRedactedThumb, vault.KindRedactedDisplay}
	states := []struct {
		name  string
		photo func(w *world) vault.PhotoID
		sees  map[string][][]string // person → kinds
	}{
		{"waiting", (*world).waiting, nil},
		{"in review", (*world).inReview, map[string][][]string{"author": {covered}, "colleague": {covered}}},
		{"claimed", func(w *world) vault.PhotoID { id := w.inReview(); w.claim(w.reviewer, id); return id },
			map[string][][]string{"author": {covered}, "colleague": {covered}, "reviewer": {covered, open}}},
		{"rejected", func(w *world) vault.PhotoID {
			id := w.inReview()
			ok(w.t, w.V.Reject(w.t.Context(), w.reviewer, id, w.claim(w.reviewer, id).Version, "out of focus"))
			return id
		}, map[string][][]string{"author": {covered}, "colleague": {covered}}},
		{"approved", (*world).approved, map[string][][]string{"author": {redacted}, "colleague": {redacted}, "records": {redacted}}},
	}
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			id := s.photo(w)
			for name, a := range map[string]vault.Actor{"author": w.author, "colleague": w.colleague, "outsider": w.outsider,
				"reviewer": w.reviewer, "second": w.second, "records": w.records, "privacy": w.privacy, "admin": w.admin,
				"job": w.worker, "operator": vault.Operator(), "nobody": {}} {
				allowed := map[string]bool{}
				for _, kinds := range s.sees[name] {
					for _, k := range kinds {
						allowed[k] = true
					}
				}
				for _, kind := range append(append(append([]string{"no such kind"}, covered...), open...), redacted...) {
					p, err := w.V.ReadRendition(t.Context(), a, id, kind)
					if got := err == nil && isJPEG(p.Bytes); got != allowed[kind] || !got && (len(p.Bytes) > 0 || !refused(err)) {
						t.Errorf("%s reads %s: got %v, %d bytes, want allowed %v", name, kind, err, len(p.Bytes), allowed[kind])
					}
				}
			}
		})
	}
}

func TestReveal(t *testing.T) {
	w := newWorld(t)
	id := w.approved()
	const reason = "Comparing healing with the last visit"
	_, err := w.V.Reveal(t.Context(), w.colleague, id, " ")
	wants(t, "without a reason", err, vault.ErrInvalid)
	_, err = w.V.Reveal(t.Context(), w.outsider, id, reason)
	wants(t, "by another team", err, vault.ErrNotFound)
	p := must(w.V.Reveal(t.Context(), w.colleague, id, reason))(t)
	redacted := must(w.V.ReadRendition(t.Context(), w.colleague, id, vault.KindRedactedDisplay))(t)
	if !isJPEG(p.Bytes) || bytes.Equal(p.Bytes, redacted.Bytes) {
		t.Error("the revealed picture is not the uncovered one")
	}
	if n := w.count(`SELECT count(*) FROM reveals`); n != 1 {
		t.Errorf("%d reasons kept, want 1", n)
	}
	var export bytes.Buffer
	ok(t, w.V.ExportLog(t.Context(), w.privacy, &export))
	if strings.Contains(export.String(), reason) || !strings.Contains(export.String(), "photo.reveal") {
		t.Error("the log repeats the reason, or lacks the act")
	}
	said := ""
	for _, e := range must(w.V.AuditOfPatient(t.Context(), w.privacy, w.patient, 0, 100))(t) {
		if e.Act == "photo.reveal" && e.Outcome == "ok" {
			said = e.Reason
		}
	}
	if said != reason {
		t.Errorf("the privacy officer reads the reason %q, want %q", said, reason)
	}
}

// TestStoreCannotSwap: whatever the store answers with instead of what was stored is refused and reported.
func TestStoreCannotSwap(t *testing.T) {
	w := newWorld(t)
	first, other := w.inReview(), w.send(vaulttest.Picture(t, 160, 120, 99))
	w.Work(t)
	blob := func(id vault.PhotoID, kind string) string {
		var name string
		ok(t, w.db().QueryRow(`SELECT blob FROM renditions WHERE photo = $1 AND kind = $2`, string(id), kind).Scan(&name))
		return name
	}
	name := blob(first, vault.KindCoveredDisplay)
	whole := w.Blobs.Bytes(name)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for what, body := range map[string][]byte{
		"another photo's":          w.Blobs.Bytes(blob(other, vault.KindCoveredDisplay)),
		"the same photo's display": w.Blobs.Bytes(blob(first, vault.KindDisplay)),
		"a flipped bit":            flipped,
		"a cut":                    whole[:len(whole)-1],
		"an added byte":            append(bytes.Clone(whole), 0),
		"nothing":                  {},
		"an absent object":         nil,
	} {
		w.Blobs.Tamper(name, body)
		before := w.V.IntegrityRefusals()
		p, err := w.V.ReadRendition(t.Context(), w.author, first, vault.KindCoveredDisplay)
		wants(t, what, err, vault.ErrIntegrity)
		if len(p.Bytes) != 0 || w.V.IntegrityRefusals() != before+1 {
			t.Errorf("%s: %d bytes given, %d refusals counted", what, len(p.Bytes), w.V.IntegrityRefusals()-before)
		}
	}
	w.Blobs.Tamper(name, whole)
	must(w.V.ReadRendition(t.Context(), w.author, first, vault.KindCoveredDisplay))(t)
	w.change(`UPDATE renditions SET sealed_hash = (SELECT r.sealed_hash FROM renditions r WHERE r.photo = $1 AND r.kind = 'display'),
		blob = 'moved' WHERE photo = $1 AND kind = 'covered_display'`, string(first))
	w.Blobs.Tamper("moved", w.Blobs.Bytes(blob(first, vault.KindDisplay)))
	_, err := w.V.ReadRendition(t.Context(), w.author, first, vault.KindCoveredDisplay)
	wants(t, "a row that points to the display rendition", err, vault.ErrIntegrity)
}

// TestKeysGone: without its wrapped key, a rendition is gone; without the patient's, everything of the patient is.
func TestKeysGone(t *testing.T) {
	w := newWorld(t)
	id := w.inReview()
	w.change(`UPDATE renditions SET wrapped_key = NULL WHERE kind = 'covered_thumb'`)
	_, err := w.V.ReadRendition(t.Context(), w.author, id, vault.KindCoveredThumb)
	wants(t, "rendition key gone", err, vault.ErrNotFound)
	must(w.V.ReadRendition(t.Context(), w.author, id, vault.KindCoveredDisplay))(t)
	w.change(`UPDATE patients SET wrapped_key = NULL WHERE id = $1`, string(w.patient))
	_, err = w.V.ReadRendition(t.Context(), w.author, id, vault.KindCoveredDisplay)
	wants(t, "patient key gone", err, vault.ErrNotFound)
	_, err = w.V.Approve(t.Context(), w.reviewer, id, drawn(w.claim(w.reviewer, id).Version))
	wants(t, "approving without keys", err, vault.ErrNotFound)
	if n := w.count(`SELECT count(*) FROM photos WHERE state = 'in_review'`); n != 1 {
		t.Errorf("%d photos in review, want 1", n)
	}
}

// TestFaces: a face is proposed with its margin and covered for the care team at once; a reviewer who leaves it open is
// asked, and may insist.
func TestFaces(t *testing.T) {
	w := newWorld(t)
	id := w.send(vaulttest.Face(t))
	w.Work(t)
	p := w.claim(w.reviewer, id)
	if len(p.Regions) == 0 || len(p.Detectors) == 0 {
		t.Fatalf("%d regions by %v", len(p.Regions), p.Detectors)
	}
	covered := must(w.V.ReadRendition(t.Context(), w.author, id, vault.KindCoveredDisplay))(t)
	open := must(w.V.ReadRendition(t.Context(), w.reviewer, id, vault.KindDisplay))(t)
	if bytes.Equal(covered.Bytes, open.Bytes) {
		t.Error("the covered rendition is the open one")
	}
	_, err := w.V.Approve(t.Context(), w.reviewer, id, vault.Approval{Version: p.Version})
	wants(t, "leaving the face open", err, vault.ErrConflict)
	if err == nil || !strings.Contains(err.Error(), "still visible") {
		t.Errorf("it says %v", err)
	}
	all := vault.Approval{Version: p.Version}
	for _, r := range p.Regions {
		all.Regions = append(all.Regions, vault.ApprovedRegion{ID: r.ID, Kind: r.Kind, Box: r.Box})
	}
	must(w.V.Approve(t.Context(), w.reviewer, id, all))(t)
	w.claimAgain(id)
	version := must(w.V.PhotoByID(t.Context(), w.second, id))(t).Version
	must(w.V.Approve(t.Context(), w.second, id, vault.Approval{Version: version, Force: true}))(t)
	cert := must(vault.VerifyCertificate(must(w.V.Certificate(t.Context(), w.records, id))(t), w.trust()))(t)
	if !cert.Forced || len(cert.Residual) == 0 || len(cert.Masked) != 0 || cert.Residual[0].Kind != imaging.KindFace {
		t.Errorf("the certificate does not name the face that stays: %+v", cert.Residual)
	}
}

func TestRemovedIsShownToTheAuthor(t *testing.T) {
	w := newWorld(t)
	b := vaulttest.Picture(t, 64, 64, 3)
	comment := append([]byte{0xff, 0xfe, 0, 14}, "camera words"...) // COM (ITU-T T.81, B.2.4.5)
	tagged := append(append(bytes.Clone(b[:2]), comment...), b[2:]...)
	capture := w.Capture(t, w.author, w.patient, tagged, func(f *seal.CaptureFacts) { f.Note = "left side" })
	w.Send(t, w.author, capture)
	w.Work(t)
	p := must(w.V.MyCaptures(t.Context(), w.author, 1))(t)[0]
	if len(p.Removed) == 0 || p.Note != "left side" {
		t.Errorf("removed %v, note %q", p.Removed, p.Note)
	}
}
