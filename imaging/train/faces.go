package train

import (
	"image"
	"math"
	"path/filepath"
)

// facePicture is a picture with one labelled face, or an aligned face without landmarks.
type facePicture struct {
	labelled
	gray *image.Gray
}

func (f facePicture) width() float64 { return math.Sqrt((f.x1 - f.x0) * (f.y1 - f.y0)) }

// readFacePictures reads all that faces may be learned from: faces/train, and that part of faces/tones, whose box is the
// inner 76 %; of them each sample-th.
func readFacePictures(root string, sample int) ([]facePicture, error) {
	labels, err := readFaces(root, "train")
	if err != nil {
		return nil, err
	}
	tones, err := readTones(root)
	if err != nil {
		return nil, err
	}
	var faces []facePicture
	for _, l := range labels {
		faces = append(faces, facePicture{labelled: l})
	}
	for _, t := range tones {
		if PartOf("faces/tones", t.file) == Train {
			faces = append(faces, facePicture{labelled: labelled{file: t.file}})
		}
	}
	faces = every(faces, sample)
	for i := range faces {
		f := &faces[i]
		if f.gray, err = readGray(filepath.Join(root, filepath.FromSlash(f.file))); err != nil {
			return nil, err
		}
		if !f.marked {
			w, h := float64(f.gray.Rect.Dx()), float64(f.gray.Rect.Dy())
			f.x0, f.y0, f.x1, f.y1 = 0.12*w, 0.12*h, 0.88*w, 0.88*h
		}
	}
	return faces, nil
}
