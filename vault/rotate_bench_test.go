package vault_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// manyPatients is how many patient keys BenchmarkRotateRoot wraps anew; CLINIVAULT_KEYS sets another number.
func manyPatients(b *testing.B) int {
	n := 100_000
	if text := os.Getenv("CLINIVAULT_KEYS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

// BenchmarkRotateRoot times a rotation of the root key over 100,000 patients, with the root key in a file.
func BenchmarkRotateRoot(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchRotateRoot(b, vaulttest.New(b)) })
	b.Run("postgres", func(b *testing.B) {
		benchRotateRoot(b, vaulttest.NewOn(b, "postgres", vaulttest.Postgres(b), nil))
	})
}

func benchRotateRoot(b *testing.B, bench *vaulttest.Bench) {
	n := manyPatients(b)
	addPatients(b, bench, n)
	for b.Loop() {
		p, err := bench.V.RotateKeys(b.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateRoot})
		if err != nil || p.Done < int64(n) {
			b.Fatalf("%+v, %v", p, err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}

// addPatients writes patients past the vault, each with a key of its own that the root key wraps.
func addPatients(b *testing.B, bench *vaulttest.Bench, n int) {
	b.Helper()
	db := bench.SQL(b)
	rows, err := vault.NewPatientKeys(b.Context(), bench.V, n)
	if err != nil {
		b.Fatal(err)
	}
	for start := 0; start < n; start += 1000 {
		insertPatients(b, db, rows[start:min(start+1000, n)])
	}
}

func insertPatients(b *testing.B, db *sql.DB, rows []vault.WrappedPatient) {
	b.Helper()
	t, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range rows {
		_, err := t.Exec(`INSERT INTO patients (id, record_number, name, name_search, birth_date, pseudonym, wrapped_key, root_version, created_at)
			VALUES ($1, $1, 'Synthetic', '', '1970-01-01', $1, $2, $3, 1)`, string(r.ID), r.Wrapped, r.Root)
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := t.Commit(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRotatePatient times a new key for a patient with many renditions.
func BenchmarkRotatePatient(b *testing.B) {
	w := newWorld(b)
	for range 20 {
		w.Send(b, w.author, w.Capture(b, w.author, w.patient, w.picture))
	}
	w.Work(b)
	for b.Loop() {
		must(w.V.RotateKeys(b.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotatePatient, Patient: w.patient}))(b)
	}
	b.ReportMetric(float64(w.count(`SELECT count(*) FROM renditions`)), "renditions")
}

// BenchmarkTransitRead times a read whose patient key has to be asked for, is remembered, or is in a file, with the key
// service on loopback.
func BenchmarkTransitRead(b *testing.B) {
	for _, c := range []struct {
		name   string
		memory time.Duration
	}{{"asked", -1}, {"remembered", time.Minute}, {"file", 0}} {
		b.Run(c.name, func(b *testing.B) {
			var w *world
			if c.name == "file" {
				w = newWorld(b)
			} else {
				k := vaulttest.StartTransit(b, time.Hour).Open(b, func(cfg *vault.TransitConfig) { cfg.Memory = c.memory })
				w = worldOn(b, vaulttest.OpenOn(b, "sqlite", vaulttest.SQLite(b), nil, k))
			}
			id := w.inReview()
			for b.Loop() {
				must(w.V.ReadRendition(b.Context(), w.colleague, id, vault.KindCoveredThumb))(b)
			}
		})
	}
}

// TestManyKeysInOneRotation: batches follow one another without a gap, and one patient in the middle of each is enough
// to tell.
func TestManyKeysInOneRotation(t *testing.T) {
	b := vaulttest.New(t)
	rows, err := vault.NewPatientKeys(t.Context(), b.V, 1234)
	ok(t, err)
	db := b.SQL(t)
	for i, r := range rows {
		_, err := db.ExecContext(t.Context(), `INSERT INTO patients (id, record_number, name, name_search, birth_date, pseudonym,
			wrapped_key, root_version, created_at) VALUES ($1, $2, '', '', '', $2, $3, $4, 1)`, string(r.ID), fmt.Sprint(i), r.Wrapped, r.Root)
		ok(t, err)
	}
	var reports int
	p := must(b.V.RotateKeys(t.Context(), vault.Operator(), vault.Rotation{Kind: vault.RotateRoot,
		Progress: func(p vault.RotationProgress) { reports++ }}))(t)
	s := must(b.V.KeysStatus(t.Context(), vault.Operator()))(t)
	if p.Done != 1238 || p.Total != 1238 || !s.Root.Unused() || reports == 0 {
		t.Errorf("got %+v, %+v, %d reports; want 1238 keys under the newest version", p, s.Root, reports)
	}
	if n := count(t, b, `SELECT count(*) FROM audit_events WHERE act = 'key.rotate' AND entry LIKE '%"step":"patients"%'`); n != 3 {
		t.Errorf("%d events of batches, want 3", n)
	}
}
