package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"testing"

	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/vaulttest"
)

// BenchmarkGuard is what the guard costs: an object of 4 MiB stored and read, directly and through it.
func BenchmarkGuard(b *testing.B) {
	const size = 4 << 20
	direct := vaulttest.MinIO(b)
	body := make([]byte, size)
	rand.Read(body) // never fails (crypto/rand)
	for _, c := range []struct {
		name string
		cfg  vault.MinIOConfig
	}{{"direct", direct}, {"guarded", guardedBy(b, direct, nil)}} {
		m, err := vault.OpenMinIO(context.Background(), c.cfg)
		if err != nil {
			b.Fatal(err)
		}
		ctx, n := context.Background(), 0
		name := func(i int) string { return fmt.Sprintf("object/%s/%026d", c.name, i) }
		b.Run(c.name+"/put", func(b *testing.B) {
			b.SetBytes(size)
			for range b.N {
				if err := m.Put(ctx, name(n), bytes.NewReader(body), size); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
		b.Run(c.name+"/get", func(b *testing.B) {
			b.SetBytes(size)
			for i := range b.N {
				r, err := m.Get(ctx, name(i%n))
				if err != nil {
					b.Fatal(err)
				}
				if got, err := io.Copy(io.Discard, r); err != nil || got != size {
					b.Fatalf("got %d bytes and %v", got, err)
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
