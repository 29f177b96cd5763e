//go:build linux

package imaging

import (
	"context"
	"encoding/json"
	"image"
	"testing"
)

// black reports whether the middle of a box is black.
func black(m image.Image, b Box) bool {
	r, g, bl, _ := m.At((b.X0+b.X1)/2, (b.Y0+b.Y1)/2).RGBA()
	return r>>8 < 12 && g>>8 < 12 && bl>>8 < 12
}

// scaled maps a box of the original to a rendition.
func scaled(b Box, from, to *Still) Box {
	f := func(v, a, z int) int { return v * z / a }
	return Box{f(b.X0, from.Width(), to.Width()), f(b.Y0, from.Height(), to.Height()),
		f(b.X1, from.Width(), to.Width()), f(b.Y1, from.Height(), to.Height())}
}

// TestFaceIsCovered takes a real photo with a face through a child: the covered renditions hide what was found, the
// open ones do not, and in the redacted picture the detector finds it no more.
func TestFaceIsCovered(t *testing.T) {
	ctx := context.Background()
	p := children(t, "child", nil)
	r, err := p.Read(ctx, moduleSample(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Regions) == 0 {
		t.Fatal("no face found in a photo of one")
	}
	for name, pair := range map[string][2]*Still{"thumb": {r.Thumb, r.CoveredThumb}, "display": {r.Display, r.CoveredDisplay}} {
		open, err := Upright(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		covered, err := Upright(pair[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, region := range r.Regions {
			b := scaled(region.Box, r.Still, pair[0])
			if black(open, b) {
				t.Errorf("%s: the open rendition is black over %v", name, b)
			}
			if !black(covered, b) {
				t.Errorf("%s: the covered rendition shows %v", name, b)
			}
		}
	}
	red, err := p.Redact(ctx, r.Still.Bytes(), r.Regions)
	if err != nil {
		t.Fatal(err)
	}
	if len(red.Masked) != len(r.Regions) {
		t.Errorf("got %d masks for %d regions", len(red.Masked), len(r.Regions))
	}
	for _, residual := range red.Residual {
		for _, found := range r.Regions {
			if residual.Box.rect().In(Margin(found, r.Still.Width(), r.Still.Height()).rect()) {
				t.Errorf("the detector still sees %v under a mask", residual.Box)
			}
		}
	}
	up, err := Upright(red.Still)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range r.Regions {
		if !black(up, found.Box) {
			t.Errorf("the redacted picture shows %v", found.Box)
		}
	}
}

// TestPersonBoxHasNoMargin wants a person's box covered as drawn, up to whole units, and a detector's wider.
func TestPersonBoxHasNoMargin(t *testing.T) {
	s := mustRead(t, photo(t, 320, 320))
	box := Box{160, 160, 192, 192}
	_, drawn, err := Redact(s, []Region{{Kind: KindFace, Box: box, Source: SourcePerson}})
	if err != nil {
		t.Fatal(err)
	}
	if drawn[0] != box {
		t.Errorf("a person's box: got mask %v, want %v", drawn[0], box)
	}
	_, found, err := Redact(s, []Region{{Kind: KindFace, Box: box, Source: facefinder.name}})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Box{144, 128, 208, 208}); found[0] != want {
		t.Errorf("a detector's box: got mask %v, want %v", found[0], want)
	}
}

// TestRegionJSON fixes the words that travel and are stored.
func TestRegionJSON(t *testing.T) {
	got, err := json.Marshal(Region{Kind: KindTattoo, Box: Box{1, 2, 3, 4}, Score: 0.5, Source: SourcePerson})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"kind":"tattoo","box":{"x0":1,"y0":2,"x1":3,"y1":4},"score":0.5,"source":"person"}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	facts, err := json.Marshal(Facts{TakenAt: "2026-11-21T10:20:30", Make: "Maker", Orientation: 6, HadGPS: true})
	if err != nil {
		t.Fatal(err)
	}
	want = `{"taken_at":"2026-11-21T10:20:30","make":"Maker","orientation":6,"had_gps":true,"had_face_tags":false}`
	if string(facts) != want {
		t.Errorf("got %s, want %s", facts, want)
	}
}
