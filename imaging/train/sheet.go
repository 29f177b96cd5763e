package train

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"path"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	xdraw "golang.org/x/image/draw"

	"github.com/clinivault/clinivault/imaging"
)

// kindColours are the colours boxes are drawn in.
var kindColours = map[imaging.Kind]color.RGBA{
	imaging.KindFace:   {255, 60, 40, 255},
	imaging.KindTattoo: {255, 60, 255, 255},
	imaging.KindText:   {0, 220, 255, 255},
	imaging.KindDrawn:  {255, 160, 0, 255},
}

var (
	labelColour = color.RGBA{80, 255, 80, 255}
	paper       = color.RGBA{24, 24, 28, 255}
)

// Draw outlines labels in green and regions in the colour of their kind on a copy of a picture: solid from
// imaging.FaintScore on, dashed below, with the margin that would be covered as a thin line.
func Draw(img *image.RGBA, labels []imaging.Box, regions []imaging.Region) *image.RGBA {
	out := rgbaOf(img)
	w, h := out.Rect.Dx(), out.Rect.Dy()
	width := max(1, max(w, h)/250)
	for _, l := range labels {
		outline(out, l, labelColour, width, false)
	}
	for _, r := range regions {
		faint := r.Score < imaging.FaintScore
		outline(out, imaging.Margin(r, w, h), kindColours[r.Kind], max(1, width/2), true)
		outline(out, r.Box, kindColours[r.Kind], width, faint)
		write(out, r.Box.X0+2*width, r.Box.Y0+2*width+11, fmt.Sprintf("%.2f", r.Score), kindColours[r.Kind])
	}
	return out
}

// outline draws the border of a box, inwards, clipped to the picture.
func outline(img *image.RGBA, b imaging.Box, c color.RGBA, width int, dashed bool) {
	dash := 4 * width
	dot := func(x, y, along int) {
		if (!dashed || along/dash%2 == 0) && image.Pt(x, y).In(img.Rect) {
			img.SetRGBA(x, y, c)
		}
	}
	for i := range width {
		for x := b.X0; x < b.X1; x++ {
			dot(x, b.Y0+i, x-b.X0)
			dot(x, b.Y1-1-i, x-b.X0)
		}
		for y := b.Y0; y < b.Y1; y++ {
			dot(b.X0+i, y, y-b.Y0)
			dot(b.X1-1-i, y, y-b.Y0)
		}
	}
}

// write sets one line of text with its baseline at y.
func write(img *image.RGBA, x, y int, text string, c color.Color) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(c), Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

const (
	tileSide     = 200 // pixels of a picture on a sheet
	tileText     = 30  // pixels of text below it
	sheetColumns = 8
)

// Sheet lays out the pictures of outcomes, with their boxes drawn, their sets and their names below.
func Sheet(outcomes []Outcome) (*image.RGBA, error) {
	rows := (len(outcomes) + sheetColumns - 1) / sheetColumns
	sheet := image.NewRGBA(image.Rect(0, 0, min(len(outcomes), sheetColumns)*tileSide, rows*(tileSide+tileText)))
	draw.Draw(sheet, sheet.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	for i, o := range outcomes {
		img, _, err := o.Example.Picture()
		if err != nil {
			return nil, err
		}
		x, y := i%sheetColumns*tileSide, i/sheetColumns*(tileSide+tileText)
		drawn := Draw(img, o.Labels, o.Regions)
		w, h := drawn.Rect.Dx(), drawn.Rect.Dy()
		scale := float64(tileSide-4) / float64(max(w, h))
		at := image.Rect(x, y, x+max(1, int(scale*float64(w))), y+max(1, int(scale*float64(h))))
		xdraw.ApproxBiLinear.Scale(sheet, at, drawn, drawn.Rect, draw.Src, nil)
		write(sheet, x+2, y+tileSide+10, o.Example.Sets[len(o.Example.Sets)-1], color.White)
		write(sheet, x+2, y+tileSide+24, path.Base(o.Example.Name), color.Gray{160})
	}
	return sheet, nil
}

// Missed tells whether some label of an outcome was not found.
func (o Outcome) Missed() bool {
	for i := range o.Labels {
		if !o.Found(i) {
			return true
		}
	}
	return false
}

// FalselyFound tells whether a picture without objects got a box.
func (o Outcome) FalselyFound() bool {
	for _, isFalse := range o.False {
		if isFalse {
			return o.Example.Free
		}
	}
	return false
}
