package main

import (
	"bytes"
	"image"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/image/draw"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// twelveMegapixels is a photograph scaled to 4000×3000, as a phone gives them.
func twelveMegapixels(b *testing.B) []byte {
	b.Helper()
	img, _, err := image.Decode(bytes.NewReader(photograph(b)))
	if err != nil {
		b.Fatal(err)
	}
	big := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	draw.CatmullRom.Scale(big, big.Bounds(), img, img.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, big, &jpeg.Options{Quality: 92}); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// serviceOnMinIO runs the real binary on SQLite and a real MinIO.
func serviceOnMinIO(b *testing.B) (*service, vault.MinIOConfig) {
	b.Helper()
	m := vaulttest.MinIO(b)
	dir := b.TempDir()
	access, secret := filepath.Join(dir, "access"), filepath.Join(dir, "secret")
	for file, text := range map[string]string{access: m.AccessKey, secret: m.SecretKey} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	s := newService(b, map[string]any{"minio": map[string]any{
		"endpoint": m.Endpoint, "bucket": m.Bucket, "access_key_file": access, "secret_key_file": secret, "ca_file": m.CAFile,
	}})
	s.start()
	return s, m
}

// BenchmarkPhotos compares, on the same MinIO in the same run and with the same
// sealed bytes of a 12-megapixel photo, three things: raw puts, captures to
// their signed receipts, and captures until they wait for review (stripped,
// detected, re-sealed, five renditions stored).
func BenchmarkPhotos(b *testing.B) {
	s, m := serviceOnMinIO(b)
	clinician := s.signIn("clinician")
	patient, picture := clinician.patients()[0].ID, twelveMegapixels(b)
	blobs, err := vault.OpenMinIO(b.Context(), m)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("raw-put", func(b *testing.B) {
		e := clinician.seal(patient, picture)
		b.SetBytes(int64(len(e.bytes)))
		for i := 0; b.Loop(); i++ {
			name := "bench/" + e.id + "/" + strconv.Itoa(i)
			if err := blobs.Put(b.Context(), name, bytes.NewReader(e.bytes), int64(len(e.bytes))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("accept-to-receipt", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			e := clinician.seal(patient, picture)
			b.SetBytes(int64(len(e.bytes)))
			b.StartTimer()
			if status, _, err := clinician.send(b.Context(), e); err != nil || status != http.StatusCreated {
				b.Fatalf("status %d, %v", status, err)
			}
		}
		b.StopTimer()
		processed(b, clinician)
		b.StartTimer()
	})
	b.Run("end-to-end", func(b *testing.B) {
		e := make([]envelope, b.N)
		for i := range e {
			e[i] = clinician.seal(patient, picture)
		}
		b.SetBytes(int64(len(e[0].bytes)))
		b.ResetTimer()
		var sending sync.WaitGroup
		for i := range e {
			sending.Go(func() {
				if status, _, err := clinician.send(b.Context(), e[i]); err != nil || status != http.StatusCreated {
					b.Errorf("status %d, %v", status, err)
				}
			})
			if i%4 == 3 {
				sending.Wait()
			}
		}
		sending.Wait()
		processed(b, clinician)
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "photos/s")
	})
}

// processed waits until nothing the person sent is still unread.
func processed(b *testing.B, p *person) {
	b.Helper()
	eventually(b, "the photos to be processed", 5*time.Minute, func() bool {
		for _, photos := range p.captures() {
			if photos[0].State == vault.StateAccepted {
				return false
			}
		}
		return true
	})
}
