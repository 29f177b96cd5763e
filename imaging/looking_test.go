//go:build linux

package imaging

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// TestPoolDetect wants one search, whoever asks: the command's, the first reading's, and that of a Still in this
// process.
func TestPoolDetect(t *testing.T) {
	ctx := context.Background()
	dirty := withOrientation(encodeJPEG(t, turnRGBA(8, face(t))), 6)
	p := children(t, "child", nil)
	d, err := p.Detect(ctx, dirty)
	if err != nil {
		t.Fatal(err)
	}
	read, err := p.Read(ctx, dirty)
	if err != nil {
		t.Fatal(err)
	}
	here, err := Detect(mustRead(t, dirty))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Regions) == 0 || d.Used[KindFace] <= 0 || len(d.Detectors) == 0 {
		t.Errorf("got %d regions in %v by %v", len(d.Regions), d.Used, d.Detectors)
	}
	if !slices.Equal(d.Regions, read.Regions) || !slices.Equal(d.Regions, here) {
		t.Errorf("the searches differ:\ndetect %v\nread %v\nhere %v", d.Regions, read.Regions, here)
	}
	for _, r := range d.Regions {
		if r.Model == "" || !isDigest(r.Model) || r.Tuning == "" {
			t.Errorf("region %+v does not say what found it", r)
		}
	}
	if d.Still.Digest() != read.Still.Digest() {
		t.Error("two originals from one file")
	}
	if _, err := p.Detect(ctx, []byte("hello, this is no picture")); !errors.Is(err, ErrNotPicture) {
		t.Errorf("text: got %v, want ErrNotPicture", err)
	}
	if _, err := p.Detect(ctx, make([]byte, 32<<20+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many bytes: got %v, want ErrTooLarge", err)
	}
	if _, err := children(t, "child-bigbox", nil).Detect(ctx, dirty); !errors.Is(err, ErrChild) {
		t.Errorf("a region out of the picture: got %v, want ErrChild", err)
	}
}

// TestReadCoversFaint: nobody has looked yet, so what the care team may see first has the unsure proposals covered too.
func TestReadCoversFaint(t *testing.T) {
	s := mustRead(t, photo(t, 320, 320))
	faint := Region{Kind: KindFace, Box: Box{96, 96, 160, 160}, Score: 0.01, Source: "test", Tuning: "t"}
	r := &response{}
	if err := r.renditions(s, []Region{faint}); err != nil {
		t.Fatal(err)
	}
	shown, err := Upright(mustRead(t, r.pictures[1]))
	if err != nil {
		t.Fatal(err)
	}
	if c := opaqueRGBA(shown).RGBAAt(128, 128); max(c.R, c.G, c.B) > 8 {
		t.Errorf("the middle of a faint region is %v, want it black", c)
	}
}

func TestCheckRegions(t *testing.T) {
	good := Region{Kind: KindTattoo, Box: Box{0, 0, 5, 5}, Score: 1, Source: "x", Tuning: "t1",
		Model: "d8014993e7298c7b1865d1f8b855d6dbf4ec5c808bf879e2091ab6837abf90cd"}
	for _, tc := range []struct {
		name   string
		change func(*Region)
		want   bool
	}{
		{"as it should be", func(*Region) {}, true},
		{"no model", func(r *Region) { r.Model = "" }, true},
		{"a model that is no digest", func(r *Region) { r.Model = "the best" }, false},
		{"capitals", func(r *Region) { r.Model = "D" + r.Model[1:] }, false},
		{"too sure", func(r *Region) { r.Score = 1.01 }, false},
		{"a person's kind", func(r *Region) { r.Kind = KindDrawn }, false},
		{"a person", func(r *Region) { r.Source = SourcePerson }, false},
		{"outside", func(r *Region) { r.Box.X1 = 11 }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := good
			tc.change(&r)
			if _, err := checkRegions([]Region{r}, 10, 10); (err == nil) != tc.want {
				t.Errorf("got %v, want passed %v", err, tc.want)
			}
		})
	}
}
