//go:build !js

package imaging

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"testing"
	"time"
)

func TestClaimed(t *testing.T) {
	var j, p bytes.Buffer
	if err := jpeg.Encode(&j, image.NewGray(image.Rect(0, 0, 640, 480)), nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&p, image.NewGray(image.Rect(0, 0, 100, 50))); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		data []byte
		most int64
		want int64
	}{
		{"jpeg", j.Bytes(), 1e6, 640 * 480},
		{"png", p.Bytes(), 1e6, 5000},
		{"larger than the most", j.Bytes(), 1000, 1000},
		{"cut short", j.Bytes()[:10], 1e6, 1e6},
		{"no picture", []byte("no picture"), 1e6, 1e6},
		{"nothing", nil, 1e6, 1e6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := claimed(tt.data, tt.most); got != tt.want {
				t.Errorf("got %d pixels, want %d", got, tt.want)
			}
		})
	}
}

// TestPixelBudget fills the budget with one large picture: the next waits, small as it is, and comes once there is room.
func TestPixelBudget(t *testing.T) {
	pool, err := NewPool(PoolConfig{InProcess: true, Size: 8, Pixels: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 64, 64)), nil); err != nil {
		t.Fatal(err)
	}
	done, err := pool.admit(t.Context(), []byte("claims nothing, so counts as the largest"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := pool.Read(ctx, small.Bytes()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with the budget used up: got %v, want to wait", err)
	}
	done()
	if _, err := pool.Read(t.Context(), small.Bytes()); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if !pool.pixels.TryAcquire(1_000_000) {
		t.Error("the budget was not given back whole")
	}
}
