package imaging

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestScaleSheet wants the sheet that the site serves to be made of the card that FindScale knows, and to be true in size.
func TestScaleSheet(t *testing.T) {
	file := filepath.Join("..", "api", "web", "static", "scale-sheet.svg")
	want := ScaleSheet()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := load(t, file); !bytes.Equal(got, want) {
		t.Error("the sheet is not the card's; run this test with -update")
	}
	for _, must := range []string{`width="190mm" height="250mm" viewBox="0 0 190 250"`, `width="54" height="86"`, `h50M`, `v50M`} {
		if !bytes.Contains(want, []byte(must)) {
			t.Errorf("the sheet has no %s", must)
		}
	}
	rects := 0
	for d := xml.NewDecoder(bytes.NewReader(want)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			rects++
		}
	}
	if n := 1 + 6*len(cardShapes()); rects != n {
		t.Errorf("got %d rectangles, want %d", rects, n)
	}
}

// TestCardShapes keeps what is printed inside the card, and marks and patches apart.
func TestCardShapes(t *testing.T) {
	all := cardShapes()
	for i, s := range all {
		if s.x < 0 || s.y < 0 || s.x+s.w > all[0].w || s.y+s.h > all[0].h || s.w <= 0 || s.h <= 0 {
			t.Errorf("shape %d, %+v, lies outside the card", i, s)
		}
	}
	for i, p := range cardPatches {
		for _, q := range cardPatches[:i] {
			if dx, dy := p.x-q.x, p.y-q.y; dx*dx < patchSide*patchSide && dy*dy < patchSide*patchSide {
				t.Errorf("patches at %g, %g and %g, %g overlap", p.x, p.y, q.x, q.y)
			}
		}
	}
}
