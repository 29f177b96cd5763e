package uplink

import (
	"bytes"
	"context"
	"testing"
	"time"
)

func TestUploadArrivesWhole(t *testing.T) {
	tests := []struct {
		name string
		size int
	}{
		{"one byte", 1},
		{"one packet", 900},
		{"one block", BlockSize},
		{"one byte more than a block", BlockSize + 1},
		{"four mebibytes", 4 << 20},
	}
	w := newWorld(t)
	w.serve(nil)
	c := w.dial(w.config())
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			b, o := bodyOf(uint64(i), tt.size)
			last := int64(0)
			start := time.Now()
			reply, err := c.Upload(ctx, o, bytes.NewReader(b), func(n int64) {
				if n <= last {
					t.Errorf("progress went from %d to %d", last, n)
				}
				last = n
			})
			if err != nil {
				t.Fatalf("uploading %d bytes: %v", tt.size, err)
			}
			t.Logf("%d bytes in %v", tt.size, time.Since(start).Round(time.Microsecond))
			w.arrived(b, o, reply)
			if last != int64(tt.size) {
				t.Errorf("last progress %d, want %d", last, tt.size)
			}
		})
	}
}
