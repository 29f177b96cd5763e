package train

import (
	"fmt"
	"image"

	"github.com/clinivault/clinivault/imaging"
)

// textSizes are the font sizes, in pixels of the picture, at which recall of text is told apart.
var textSizes = []int{10, 14, 20, 28, 40, 60}

// labelSide is the longest side of a picture into which a label is pasted: what the search looks at, unscaled.
const labelSide = 1024

// TextExamples makes the pictures on which the search for text is measured, from the data under root, those of one
// part. Sets "label/10" to "label/60" have one printed label of that font size pasted into a wound photograph: tilted
// up to 15 degrees, one in four by a quarter turn besides, seen at an angle, unevenly lit, out of focus, compressed.
// "mark" is the line that the publisher printed into each picture of wounds/medetec. In "false/..." every box away
// from that line counts as false, though some of these pictures do show rulers with print, dates and screens. Of each
// set at most perSet are kept; 0 keeps all.
func TextExamples(root string, part Part, perSet int) ([]Example, error) {
	var wounds []string
	var all []Example
	for _, set := range []string{"wounds/fuseg", "wounds/medetec", "negatives/clothes"} {
		free, err := freeExamples(root, set, part)
		if err != nil {
			return nil, err
		}
		for _, e := range sample(free, perSet) {
			if set == "wounds/medetec" {
				e = marked(root, e)
			}
			all = append(all, e)
		}
		if set == "wounds/fuseg" {
			for _, e := range free {
				wounds = append(wounds, e.Name)
			}
		}
	}
	if len(wounds) == 0 {
		return all, nil
	}
	for _, size := range textSizes {
		var labels []Example
		for _, wound := range wounds {
			labels = append(labels, labelExample(root, wound, size))
		}
		all = append(all, sample(labels, perSet)...)
	}
	return all, nil
}

// marked adds the publisher's line, which stands at the same place in every picture of that set.
func marked(root string, e Example) Example {
	file := e.Name
	e.Sets = append(e.Sets, "mark")
	e.make = func() (*image.RGBA, []imaging.Box, error) {
		img, err := load(root, file)
		if err != nil {
			return nil, nil, err
		}
		w, h := img.Rect.Dx(), img.Rect.Dy()
		return img, []imaging.Box{{X0: w - 221, Y0: h - 22, X1: w - 12, Y1: h - 11}}, nil
	}
	return e
}

func labelExample(root, wound string, size int) Example {
	name := fmt.Sprintf("%s with a label of %d pixels", wound, size)
	return Example{Name: name, Sets: []string{"label", fmt.Sprintf("label/%02d", size)},
		make: func() (*image.RGBA, []imaging.Box, error) {
			img, err := load(root, wound)
			if err != nil {
				return nil, nil, err
			}
			r := random(name)
			img = stretched(img, labelSide)
			box, err := pasteLabel(img, float64(size), r)
			if err != nil {
				return nil, nil, err
			}
			addNoise(img, 4*r.Float64(), r)
			return recompressed(img, 60+r.IntN(35)), []imaging.Box{box}, nil
		}}
}

// stretched resizes a picture so that its longest side has n pixels.
func stretched(img *image.RGBA, n int) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	scale := float64(max(w, h)) / float64(n)
	out := image.NewRGBA(image.Rect(0, 0, max(1, int(float64(w)/scale)), max(1, int(float64(h)/scale))))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			put(out, x, y, sampleAt(img, (float64(x)+0.5)*scale, (float64(y)+0.5)*scale))
		}
	}
	return out
}
