package vault_test

import (
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// BenchmarkErasePatient times the destruction of a patient with 200 processed photos of five renditions each: the one
// transaction of the second signature.
func BenchmarkErasePatient(b *testing.B) {
	for _, c := range []struct {
		name string
		open func(testing.TB) *vaulttest.Bench
	}{
		{"sqlite", func(t testing.TB) *vaulttest.Bench { return vaulttest.New(t) }},
		{"postgres", func(t testing.TB) *vaulttest.Bench {
			return vaulttest.NewOn(t, "postgres", vaulttest.Postgres(t), nil)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := c.open(b)
			author, asks, signs := w.Person(b, "author", vault.RoleClinician), w.Person(b, "records", vault.RoleRecords), w.Person(b, "privacy", vault.RolePrivacy)
			picture := vaulttest.Picture(b, 96, 64, 3)
			for range b.N {
				b.StopTimer()
				patient := w.Patient(b, author)
				for range 200 {
					w.Send(b, author, w.Capture(b, author, patient, picture))
				}
				w.Work(b)
				id, err := w.V.AskErasure(b.Context(), asks, patient, "", "asked for by the patient")
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if err := w.V.SignErasure(b.Context(), signs, id); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/patient")
		})
	}
}
