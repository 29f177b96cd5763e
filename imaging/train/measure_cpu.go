package train

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"

	"golang.org/x/image/draw"

	"github.com/clinivault/clinivault/imaging"
)

// CPU times the search for one kind in photographs of several sizes: wound photos of a part, with and without a
// face of faces/dev, scaled until their longest side is each of sides, read as any photo is and searched
// one after the other, count of each. Decoding is not in the time. Nothing else should run in the process meanwhile.
func CPU(ctx context.Context, root string, kind imaging.Kind, part Part, count int, sides []int) ([]SetResult, error) {
	examples, err := cpuExamples(root, part, count)
	if err != nil {
		return nil, err
	}
	var results []SetResult
	for _, side := range sides {
		r := SetResult{Set: fmt.Sprintf("cpu/%d px", side), Kind: kind, Part: part}
		for _, e := range examples {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			img, _, err := e.Picture()
			if err != nil {
				return nil, err
			}
			still, err := stillOf(img, side)
			if err != nil {
				return nil, fmt.Errorf("reading the enlarged %s: %w", e.Name, err)
			}
			_, used, err := imaging.DetectTimed(still)
			if err != nil {
				return nil, fmt.Errorf("searching the enlarged %s: %w", e.Name, err)
			}
			r.CPU += used[kind]
			r.Searched++
		}
		results = append(results, r)
	}
	return results, nil
}

// cpuExamples are wound photos, every second with a face in it.
func cpuExamples(root string, part Part, count int) ([]Example, error) {
	dev, err := readFaces(root, "dev")
	if err != nil {
		return nil, err
	}
	with, err := clinicalExamples(root, dev, part)
	if err != nil {
		return nil, err
	}
	without, err := freeExamples(root, "wounds/fuseg", part)
	if err != nil {
		return nil, err
	}
	return append(sample(with, (count+1)/2), sample(without, max(1, count/2))...), nil
}

// stillOf scales a picture to a longest side and reads it as if a camera had sent it.
func stillOf(img *image.RGBA, side int) (*imaging.Still, error) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	scale := float64(side) / float64(max(w, h))
	large := image.NewRGBA(image.Rect(0, 0, max(1, int(scale*float64(w))), max(1, int(scale*float64(h)))))
	draw.BiLinear.Scale(large, large.Rect, img, img.Rect, draw.Src, nil)
	var file bytes.Buffer
	if err := jpeg.Encode(&file, large, &jpeg.Options{Quality: 90}); err != nil {
		return nil, err
	}
	return imaging.Read(file.Bytes(), imaging.DefaultLimits())
}
