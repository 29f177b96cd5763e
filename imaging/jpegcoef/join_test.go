package jpegcoef

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

// plain reads a grey picture of one level.
func plain(t *testing.T, w, h int, level uint8) *Coefficients {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = level
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, m, nil); err != nil {
		t.Fatal(err)
	}
	return mustRead(t, buf.Bytes())
}

// TestJoin wants three planes to be one picture for another decoder.
func TestJoin(t *testing.T) {
	y, cb, cr := color.RGBToYCbCr(180, 60, 50)
	c, err := Join(plain(t, 21, 13, y), plain(t, 21, 13, cb), plain(t, 21, 13, cr))
	if err != nil {
		t.Fatal(err)
	}
	data, again := rewrite(t, c, WriteOptions{})
	if h, v := again.Sampling(1); h != 1 || v != 1 || again.ColorTransform() != YCbCr || !again.EqualOutside(c, nil) {
		t.Errorf("got sampling %d × %d, %v, want 1 × 1, YCbCr, the same coefficients", h, v, again.ColorTransform())
	}
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r, g, b, _ := m.At(20, 12).RGBA()
	if r>>8 < 176 || r>>8 > 184 || g>>8 < 56 || g>>8 > 64 || b>>8 < 46 || b>>8 > 54 {
		t.Errorf("got colour %d, %d, %d, want about 180, 60, 50", r>>8, g>>8, b>>8)
	}
	if _, err := Join(plain(t, 8, 8, 1), plain(t, 8, 9, 1), plain(t, 8, 8, 1)); !errors.Is(err, ErrOptions) {
		t.Errorf("planes of two sizes: got %v, want %v", err, ErrOptions)
	}
	if _, err := Join(plain(t, 21, 13, 1), c, c); !errors.Is(err, ErrOptions) {
		t.Errorf("a plane of three components: got %v, want %v", err, ErrOptions)
	}
}
