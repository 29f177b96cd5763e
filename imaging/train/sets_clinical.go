package train

import (
	"image"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/clinivault/clinivault/imaging"
)

// clinicalExamples paste each face into a wound photograph of the same part: whole, or cut by the edge, at 5 to
// 40 % of its area, upright or as of somebody who lies, its light matched to the place, at times out of focus.
func clinicalExamples(root string, dev []labelled, part Part) ([]Example, error) {
	var wounds []string
	for _, set := range []string{"wounds/fuseg", "wounds/medetec"} {
		files, err := pictures(root, set, part)
		if err != nil {
			return nil, err
		}
		wounds = append(wounds, files...)
	}
	if len(wounds) == 0 {
		return nil, nil
	}
	var all []Example
	for _, f := range dev {
		r := random(f.file + " clinical")
		wound, how := wounds[r.IntN(len(wounds))], []string{"whole", "at the edge"}[r.IntN(2)]
		name := f.file + " pasted " + how + " into " + wound
		all = append(all, Example{Name: name, Sets: []string{"clinical", "clinical/" + how},
			make: func() (*image.RGBA, []imaging.Box, error) {
				face, err := load(root, f.file)
				if err != nil {
					return nil, nil, err
				}
				onto, err := load(root, wound)
				if err != nil {
					return nil, nil, err
				}
				return onto, []imaging.Box{paste(onto, face, f, how == "at the edge", random(name))}, nil
			}})
	}
	return all, nil
}

// paste blends the head around a labelled face into a picture and gives the visible part of the label.
func paste(onto, face *image.RGBA, f labelled, atEdge bool, r *rand.Rand) imaging.Box {
	w, h := float64(onto.Rect.Dx()), float64(onto.Rect.Dy())
	size := math.Sqrt((0.05 + 0.35*r.Float64()*r.Float64()) * w * h) // of the label; small ones more often
	size = min(size, 0.75*min(w, h))
	degrees := 60 * (r.Float64() - 0.5)
	if r.IntN(3) == 0 {
		degrees += []float64{90, -90}[r.IntN(2)]
	}
	at := placeFor(w, h, size, atEdge, r)
	scale := (f.x1 - f.x0 + f.y1 - f.y0) / 2 / size // pixels of the face for one of the picture
	src := face
	if soft := 0.4 * (scale - 1); soft > 0 {
		src = blurred(src, soft)
	}
	if r.IntN(3) == 0 { // out of focus: the wound was what the camera looked at
		src = blurred(src, scale*size*(0.01+0.025*r.Float64()))
	}
	light := lightFor(onto, src, f, at, size, r)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cx, cy := (f.x0+f.x1)/2, (f.y0+f.y1)/2
	for y := range onto.Rect.Dy() {
		for x := range onto.Rect.Dx() {
			dx, dy := float64(x)+0.5-at.x, float64(y)+0.5-at.y
			u, v := dx*cos+dy*sin, -dx*sin+dy*cos // in the upright face
			sx, sy := cx+u*scale, cy+v*scale
			// A head: an ellipse wider than the label, soft at its rim, and nothing from beyond the photo.
			d := math.Hypot(u/(0.68*size), (v+0.06*size)/(0.80*size))
			alpha := min(max((1-d)/0.15, 0), 1)
			if alpha == 0 || sx < 0 || sy < 0 || sx > float64(face.Rect.Dx()) || sy > float64(face.Rect.Dy()) {
				continue
			}
			under := onto.Pix[y*onto.Stride+4*x:][:3]
			rgb := sampleAt(src, sx, sy)
			for i := range rgb {
				rgb[i] = alpha*rgb[i]*light[i] + (1-alpha)*float64(under[i])
			}
			put(onto, x, y, rgb)
		}
	}
	return boxOf(at.x-size/2, at.y-size/2, at.x+size/2, at.y+size/2, onto.Rect.Dx(), onto.Rect.Dy())
}

// placeFor chooses the middle of a face of a size: wholly inside, or with a third to a half of it outside one
// edge.
func placeFor(w, h, size float64, atEdge bool, r *rand.Rand) point {
	inside := func(length float64) float64 { return size/2 + r.Float64()*max(0, length-size) }
	at := point{inside(w), inside(h)}
	if !atEdge {
		return at
	}
	out := size * (0.17 * r.Float64()) // how far inside the edge the middle lies: a third to a half is cut off
	switch r.IntN(4) {
	case 0:
		at.x = out
	case 1:
		at.x = w - out
	case 2:
		at.y = out
	default:
		at.y = h - out
	}
	return at
}

// lightFor gives the factors of red, green and blue by which the face nears the light of its new place: half of
// the way between the medians of both, and never more than doubled or halved.
func lightFor(onto, face *image.RGBA, f labelled, at point, size float64, r *rand.Rand) (light [3]float64) {
	half := size / 2
	place := boxOf(at.x-half, at.y-half, at.x+half, at.y+half, onto.Rect.Dx(), onto.Rect.Dy())
	own := boxOf(f.x0, f.y0, f.x1, f.y1, face.Rect.Dx(), face.Rect.Dy())
	dim := 0.7 + 0.4*r.Float64()
	for i := range light {
		a, b := median(onto, place, i), median(face, own, i)
		light[i] = min(max(dim*math.Sqrt((a+20)/(b+20)), 0.5), 2)
	}
	return light
}

// median gives the middle value of one channel inside a box, 128 where the box is empty.
func median(img *image.RGBA, b imaging.Box, channel int) float64 {
	var values []uint8
	for y := b.Y0; y < b.Y1; y++ {
		for x := b.X0; x < b.X1; x++ {
			values = append(values, img.Pix[y*img.Stride+4*x+channel])
		}
	}
	if len(values) == 0 {
		return 128
	}
	slices.Sort(values)
	return float64(values[len(values)/2])
}
