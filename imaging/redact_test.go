package imaging

import (
	"bytes"
	"errors"
	"image"
	"math/rand/v2"
	"testing"
)

func person(x0, y0, x1, y1 int) Region {
	return Region{Kind: KindDrawn, Box: Box{x0, y0, x1, y1}, Source: SourcePerson}
}

// TestRedactPixels wants the masks solid and every pixel a unit away from them unchanged.
func TestRedactPixels(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for n := range 12 {
		w, h := 60+r.IntN(200), 60+r.IntN(200)
		s := mustRead(t, photo(t, w, h))
		var regions []Region
		for range 1 + r.IntN(4) {
			x, y := r.IntN(w-20), r.IntN(h-20)
			regions = append(regions, person(x, y, x+1+r.IntN(19), y+1+r.IntN(19)))
		}
		redacted, masked, err := Redact(s, regions)
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		before, err := Upright(s)
		if err != nil {
			t.Fatal(err)
		}
		after, err := Upright(redacted)
		if err != nil {
			t.Fatal(err)
		}
		covered := func(x, y int) bool {
			for _, m := range masked {
				if image.Pt(x, y).In(m.rect()) {
					return true
				}
			}
			return false
		}
		for y := range h {
			for x := range w {
				got := after.At(x, y)
				if covered(x, y) {
					if R, G, B, _ := got.RGBA(); R>>8 > 3 || G>>8 > 3 || B>>8 > 3 {
						t.Fatalf("%d: masked pixel %d,%d is %v, want black", n, x, y, got)
					}
				} else if got != before.At(x, y) {
					t.Fatalf("%d: pixel %d,%d outside the masks changed from %v to %v", n, x, y, before.At(x, y), got)
				}
			}
		}
		for i, m := range masked {
			if !regions[i].Box.rect().In(m.rect()) {
				t.Errorf("%d: region %v is not under mask %v", n, regions[i].Box, m)
			}
		}
	}
}

// TestRedactRealPhotos redacts and proves real camera files, kept orientation or not.
func TestRedactRealPhotos(t *testing.T) {
	done := 0
	for i, name := range files(t, shared(t, "metadata/photos")) {
		if i%6 != 0 {
			continue
		}
		s, err := Read(load(t, name), Limits{})
		if err != nil {
			continue
		}
		box := Box{s.Width() / 4, s.Height() / 4, s.Width()/2 + 1, s.Height()/2 + 1}
		redacted, masked, err := Redact(s, []Region{{Kind: KindFace, Box: box, Source: facefinder.name}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := Margin(Region{Kind: KindFace, Box: box}, s.Width(), s.Height()); !want.rect().In(masked[0].rect()) {
			t.Errorf("%s: mask %v, want at least %v", name, masked[0], want)
		}
		if redacted.Digest() == s.Digest() && Prove(s, s, masked) != nil { // some test cards are black there
			t.Errorf("%s: the redacted file is the original", name)
		}
		done++
	}
	t.Logf("%d real photos redacted and proved", done)
	if done < 20 && !underRace {
		t.Errorf("got %d photos redacted, want at least 20", done)
	}
}

func TestRedactRefuses(t *testing.T) {
	s := mustRead(t, photo(t, 64, 64))
	many := make([]Region, MaxRegions+1)
	for _, tc := range []struct {
		name    string
		regions []Region
	}{
		{"outside", []Region{person(100, 100, 120, 120)}},
		{"empty", []Region{person(10, 10, 10, 20)}},
		{"inside out", []Region{person(20, 20, 10, 10)}},
		{"too many", many},
	} {
		if got, _, err := Redact(s, tc.regions); err == nil {
			t.Errorf("%s: got %v, want an error", tc.name, got)
		}
	}
	none, masked, err := Redact(s, nil)
	if err != nil || len(masked) != 0 || none.Digest() != s.Digest() {
		t.Errorf("no regions: got %v, %v, want the same picture", masked, err)
	}
}

// TestProveRefuses forges a redaction in one way at a time.
func TestProveRefuses(t *testing.T) {
	s := mustRead(t, photo(t, 128, 96))
	good, masked, err := Redact(s, []Region{person(20, 20, 60, 60)})
	if err != nil {
		t.Fatal(err)
	}
	if err := Prove(s, good, masked); err != nil {
		t.Fatalf("an honest redaction: %v", err)
	}
	further, _, err := Redact(s, []Region{person(20, 20, 60, 60), person(100, 80, 120, 90)})
	if err != nil {
		t.Fatal(err)
	}
	other := mustRead(t, encodeJPEG(t, image.NewRGBA(image.Rect(0, 0, 128, 96))))
	turned := mustRead(t, withOrientation(photo(t, 125, 93), 6))
	dirty := *good
	dirty.data = append(bytes.Clone(good.data), 0)
	for _, tc := range []struct {
		name     string
		a, b     *Still
		boxes    []Box
		sentinel error
	}{
		{"nothing masked", s, s, masked, ErrProof},
		{"more changed than masked", s, further, masked, ErrProof},
		{"masks forgotten", s, good, nil, ErrProof},
		{"mask not on the units' borders", s, good, []Box{{20, 20, 60, 60}}, ErrProof},
		{"mask beyond the picture", s, good, []Box{{16, 16, 1024, 64}}, ErrProof},
		{"empty mask", s, good, append([]Box{{16, 16, 16, 16}}, masked...), ErrProof},
		{"another picture", other, good, masked, ErrProof},
		{"another size", turned, good, masked, ErrProof},
		{"a byte behind the end", s, &dirty, masked, ErrProof},
		{"missing", s, nil, masked, ErrProof},
	} {
		if err := Prove(tc.a, tc.b, tc.boxes); !errors.Is(err, tc.sentinel) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.sentinel)
		}
	}
}

func TestMargin(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    Region
		want Box
	}{
		{"face", Region{Kind: KindFace, Box: Box{400, 400, 500, 500}}, Box{350, 340, 550, 550}},
		{"face in the corner", Region{Kind: KindFace, Box: Box{0, 0, 100, 100}}, Box{0, 0, 150, 150}},
		{"drawn", Region{Kind: KindDrawn, Box: Box{400, 400, 500, 500}}, Box{390, 390, 510, 510}},
		{"outside", Region{Kind: KindFace, Box: Box{2000, 2000, 2100, 2100}}, Box{}},
		{"beyond numbers", Region{Kind: KindFace, Box: Box{-1 << 62, -1 << 62, 1 << 62, 1 << 62}}, Box{0, 0, 1000, 800}},
	} {
		if got := Margin(tc.r, 1000, 800); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestRender(t *testing.T) {
	for _, tc := range []struct {
		w, h           int
		size           Size
		wantW, wantH   int
		cover          []Region
		coveredX, cenY int
	}{
		{2000, 1000, SizeThumb, 320, 160, []Region{person(0, 0, 1000, 1000)}, 70, 80},
		{1000, 2000, SizeDisplay, 800, 1600, []Region{person(0, 0, 500, 2000)}, 150, 800},
		{100, 50, SizeDisplay, 100, 50, nil, 0, 0},
		{3000, 3, SizeThumb, 320, 1, nil, 0, 0},
	} {
		s := mustRead(t, photo(t, tc.w, tc.h))
		got, err := Render(s, tc.size, tc.cover)
		if err != nil {
			t.Fatalf("%d × %d: %v", tc.w, tc.h, err)
		}
		if got.Width() != tc.wantW || got.Height() != tc.wantH {
			t.Errorf("%d × %d as %s: got %d × %d, want %d × %d", tc.w, tc.h, tc.size, got.Width(), got.Height(), tc.wantW, tc.wantH)
		}
		if tc.cover == nil {
			continue
		}
		up, err := Upright(got)
		if err != nil {
			t.Fatal(err)
		}
		if r, g, b, _ := up.At(tc.coveredX, tc.cenY).RGBA(); r>>8 > 12 || g>>8 > 12 || b>>8 > 12 {
			t.Errorf("%s: covered pixel is %d,%d,%d, want black", tc.size, r>>8, g>>8, b>>8)
		}
		if r, g, b, _ := up.At(got.Width()*3/4, tc.cenY).RGBA(); r>>8 < 20 && g>>8 < 20 && b>>8 < 20 {
			t.Errorf("%s: open pixel is black", tc.size)
		}
	}
	if _, err := Render(mustRead(t, photo(t, 9, 9)), "huge", nil); err == nil {
		t.Error("an unknown size: got no error")
	}
}
