package vault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/clinivault/clinivault/vault"
)

// BenchmarkCheckStore checks 2,000 sealed captures of 64 KiB each, by names and sizes and by every byte.
func BenchmarkCheckStore(b *testing.B) {
	const objects, size = 2000, 64 << 10
	for _, store := range []struct {
		name string
		open func(testing.TB) vandal
	}{{"directory", dirVandal}, {"minio", minioVandal}} {
		x := store.open(b)
		w := newWorldOver(b, x.blobs)
		first := w.waiting()
		body := make([]byte, size)
		rand.Read(body) // never fails (crypto/rand)
		sum := sha256.Sum256(body)
		db := w.db()
		for i := range objects {
			name := fmt.Sprintf("intake/2026030209/%026d", i)
			ok(b, x.blobs.Put(context.Background(), name, bytes.NewReader(body), size))
			_, err := db.ExecContext(context.Background(), `INSERT INTO photos (id, capture_id, patient, author, device, body_site,
				laterality, state, taken_at, received_at, envelope_digest, envelope_size, envelope_blob, receipt, sealed_facts)
				SELECT $1, $1, patient, author, device, body_site, laterality, state, taken_at, received_at, $2, $3, $4, receipt, sealed_facts
				FROM photos WHERE id = $5`, fmt.Sprint("bench", i), hex.EncodeToString(sum[:]), size, name, string(first))
			ok(b, err)
		}
		for _, deep := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/deep=%v", store.name, deep), func(b *testing.B) {
				w.t = b
				for range b.N {
					r := must(w.V.CheckStore(context.Background(), vault.Operator(), vault.CheckOptions{Deep: deep}))(b)
					if r.Findings != 0 || r.Objects < objects {
						b.Fatalf("got %d findings of %d objects", r.Findings, r.Objects)
					}
				}
				b.ReportMetric(float64(objects)*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
			})
		}
	}
}
