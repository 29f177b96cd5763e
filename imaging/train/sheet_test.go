package train

import (
	"image"
	"image/color"
	"testing"

	"github.com/clinivault/clinivault/imaging"
)

func TestDraw(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 200, 200))
	out := Draw(img, []imaging.Box{box(150, 150, 190, 190)}, []imaging.Region{
		{Kind: imaging.KindFace, Box: box(60, 60, 100, 100), Score: 0.9},
		{Kind: imaging.KindText, Box: box(10, 150, 90, 180), Score: 0.1},
	})
	face, text := kindColours[imaging.KindFace], kindColours[imaging.KindText]
	for _, c := range []struct {
		what string
		x, y int
		want color.RGBA
	}{
		{"corner of the label", 150, 150, labelColour},
		{"left side of the face", 60, 90, face},
		{"its lower right corner", 99, 99, face},
		{"its margin", 40, 36, face},
		{"inside of the face", 80, 90, color.RGBA{0, 0, 0, 0}},
		{"first dash of the faint text", 11, 150, text},
		{"first gap of the faint text", 15, 150, color.RGBA{0, 0, 0, 0}},
	} {
		if got := out.RGBAAt(c.x, c.y); got != c.want {
			t.Errorf("%s: got %v at %d, %d, want %v", c.what, got, c.x, c.y, c.want)
		}
	}
	if img.RGBAAt(60, 90) != (color.RGBA{}) {
		t.Error("the picture itself was drawn on")
	}
}

func TestDrawOutsideThePicture(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 1, 1))
	Draw(img, []imaging.Box{box(-5, -5, 50, 50)}, []imaging.Region{{Kind: imaging.KindFace, Box: box(0, 0, 1, 1)}})
}

func TestSheet(t *testing.T) {
	var outcomes []Outcome
	for range sheetColumns + 1 {
		outcomes = append(outcomes, Outcome{Example: Example{Name: "a/b.jpg", Sets: []string{"plain"},
			make: func() (*image.RGBA, []imaging.Box, error) {
				m := image.NewRGBA(image.Rect(0, 0, 400, 100))
				for i := range m.Pix {
					m.Pix[i] = 200
				}
				return m, nil, nil
			}}})
	}
	sheet, err := Sheet(outcomes)
	if err != nil {
		t.Fatal(err)
	}
	if w, h := sheet.Rect.Dx(), sheet.Rect.Dy(); w != sheetColumns*tileSide || h != 2*(tileSide+tileText) {
		t.Errorf("size: got %d × %d", w, h)
	}
	second := sheet.RGBAAt(100, tileSide+tileText+20)
	if second.R != 200 {
		t.Errorf("the first picture of the second row: got %v, want its grey", second)
	}
	if below := sheet.RGBAAt(100, 120); below != paper {
		t.Errorf("below a wide picture: got %v, want paper", below)
	}
	if empty, err := Sheet(nil); err != nil || !empty.Rect.Empty() {
		t.Errorf("a sheet of nothing: got %v, %v", empty.Rect, err)
	}
}
