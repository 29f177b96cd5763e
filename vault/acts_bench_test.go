package vault_test

import (
	"testing"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// BenchmarkAccept times a sealed 2 MB capture from its arrival to the receipt, on SQLite with a store in memory.
func BenchmarkAccept(b *testing.B) {
	w := newWorld(b)
	capture := make([]vaulttest.Sealed, 0, 64)
	b.SetBytes(2 << 20)
	for b.Loop() {
		if len(capture) == 0 { // sealing is the client's work
			b.StopTimer()
			for range 16 {
				capture = append(capture, w.Capture(b, w.author, w.patient, make([]byte, 2<<20)))
			}
			b.StartTimer()
		}
		w.Send(b, w.author, capture[0])
		capture = capture[1:]
	}
}

// BenchmarkPhotoToChart times one small photo through the whole vault: accept, process, review, attach, read back.
func BenchmarkPhotoToChart(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		w.Send(b, w.author, w.Capture(b, w.author, w.patient, w.picture, func(f *seal.CaptureFacts) { f.Note = "bench" }))
		w.Work(b)
		p := must(w.V.ClaimNext(b.Context(), w.reviewer))(b)
		must(w.V.Approve(b.Context(), w.reviewer, p.ID, vault.Approval{Version: p.Version, Regions: []vault.ApprovedRegion{
			{Kind: imaging.KindDrawn, Box: drawnBox}}}))(b)
		must(w.V.Attach(b.Context(), w.records, p.ID, []string{"fhir"}))(b)
		w.deliver()
	}
}

// BenchmarkDecide times a read that the care team is allowed, with its audit event.
func BenchmarkDecide(b *testing.B) {
	w := newWorld(b)
	id := w.inReview()
	for b.Loop() {
		must(w.V.PhotoByID(b.Context(), w.colleague, id))(b)
	}
}
