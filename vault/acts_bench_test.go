package vault_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

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

// BenchmarkThroughput has callers act at once, each with the smallest act or with a read that the care team is allowed,
// and gives the events a second and how long one caller waits.
func BenchmarkThroughput(b *testing.B) {
	databases := map[string]func(b *testing.B) *world{
		"sqlite": func(b *testing.B) *world { return newWorld(b) },
		"postgres": func(b *testing.B) *world {
			return worldOn(b, vaulttest.NewOn(b, "postgres", vaulttest.Postgres(b), nil))
		},
	}
	for _, database := range []string{"sqlite", "postgres"} {
		b.Run(database, func(b *testing.B) {
			w := databases[database](b)
			id := w.inReview()
			for name, act := range map[string]func() error{
				"smallest": func() error { _, err := w.V.DeadJobs(b.Context(), vault.Operator()); return err },
				"read":     func() error { _, err := w.V.PhotoByID(b.Context(), w.colleague, id); return err },
			} {
				for _, callers := range []int{1, 16, 128} {
					b.Run(fmt.Sprintf("%s/%d", name, callers), func(b *testing.B) { together(b, callers, act) })
				}
			}
		})
	}
}

// together has callers do b.N acts between them.
func together(b *testing.B, callers int, act func() error) {
	var all sync.WaitGroup
	took := make([][]time.Duration, callers)
	for i := range callers {
		all.Go(func() {
			for n := i; n < b.N; n += callers {
				start := time.Now()
				if err := act(); err != nil {
					b.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	all.Wait()
	each := slices.Concat(took...)
	slices.Sort(each)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(each[len(each)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(each[len(each)*99/100].Microseconds())/1000, "p99-ms")
}
