//go:build !js

package imaging

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	dimaging "github.com/disintegration/imaging"

	"github.com/clinivault/clinivault/imaging/onnx"
)

const (
	opinionSource = "yunet"
	opinionTuning = "t1"

	opinionSide  = 640 // longest side that is searched
	opinionLeast = 0.6 // score under which nothing is proposed
	opinionIoU   = 0.3 // faces that overlap more are one
	opinionMost  = 2000
	opinionGrid  = 32 // sides are padded to multiples of the coarsest stride
)

// opinionStrides are the steps, in pixels, of the three grids on which the network answers.
var opinionStrides = []int{8, 16, 32}

// ErrWeights is a file of weights that is not the one named, or not a network that can be run.
var ErrWeights = errors.New("imaging: weights of the second opinion")

// Opinion is a second opinion on faces: the network YuNet, whose weights an operator supplies. It is off unless
// given. It is safe for concurrent use.
type Opinion struct {
	model  *onnx.Model
	input  string
	digest string
}

// OpenOpinion reads the weights, an ONNX file such as face_detection_yunet_2023mar.onnx, once their SHA-256, in
// hex, is the one expected. It refuses a network that does not ask and answer as YuNet does.
func OpenOpinion(weights []byte, wantSHA256 string) (*Opinion, error) {
	sum := sha256.Sum256(weights)
	digest := hex.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(digest), []byte(strings.ToLower(wantSHA256))) != 1 {
		return nil, fmt.Errorf("%w: not the file with that SHA-256", ErrWeights)
	}
	model, err := onnx.Parse(weights)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	o := &Opinion{model: model, digest: digest}
	inputs := model.Inputs()
	if len(inputs) != 1 || len(inputs[0].Shape) != 4 || (inputs[0].Shape[1] != 3 && inputs[0].Shape[1] != -1) {
		return nil, fmt.Errorf("%w: want one picture of three channels as input", ErrWeights)
	}
	o.input = inputs[0].Name
	// What it answers is tried on the smallest picture: a file can declare anything.
	if _, err := o.search(image.NewRGBA(image.Rect(0, 0, opinionGrid, opinionGrid))); err != nil {
		return nil, err
	}
	return o, nil
}

// Digest is the SHA-256 of the weights, in lower-case hex.
func (o *Opinion) Digest() string { return o.digest }

// Faces proposes faces in an upright picture, in its pixels and before any margin.
func (o *Opinion) Faces(img *image.RGBA) (regions []Region, err error) {
	defer rescue(&err)
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if w == 0 || h == 0 {
		return nil, nil
	}
	small, scale := img, 1.0
	if longest := max(w, h); longest > opinionSide {
		scale = float64(longest) / opinionSide
		sw, sh := max(1, int(math.Round(float64(w)/scale))), max(1, int(math.Round(float64(h)/scale)))
		small = opaqueRGBA(dimaging.Resize(img, sw, sh, dimaging.Box))
	}
	found, err := o.search(small)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if r, ok := f.region(scale, w, h); ok {
			r.Model = o.digest
			regions = append(regions, r)
		}
	}
	return regions, nil
}

// search runs the network on one picture of at most opinionSide a side.
func (o *Opinion) search(img *image.RGBA) ([]finding, error) {
	w := (img.Rect.Dx() + opinionGrid - 1) / opinionGrid * opinionGrid
	h := (img.Rect.Dy() + opinionGrid - 1) / opinionGrid * opinionGrid
	out, err := o.model.Run(map[string]onnx.Tensor{o.input: {Shape: []int{1, 3, h, w}, Data: planesOf(img, w, h)}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	var found []finding
	for _, stride := range opinionStrides {
		cols, rows := w/stride, h/stride
		part := func(name string, wide int) ([]float32, error) {
			t, ok := out[fmt.Sprintf("%s_%d", name, stride)]
			if !ok || !slices.Equal(t.Shape, []int{1, cols * rows, wide}) {
				return nil, fmt.Errorf("%w: want %d × %d answers as %s_%d", ErrWeights, cols*rows, wide, name, stride)
			}
			return t.Data, nil
		}
		class, err1 := part("cls", 1)
		object, err2 := part("obj", 1)
		boxes, err3 := part("bbox", 4)
		_, err4 := part("kps", 10)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return nil, err
		}
		for i := range class {
			if f, ok := decodeFace(class[i], object[i], boxes[4*i:][:4], i%cols, i/cols, stride); ok {
				found = append(found, f)
			}
		}
	}
	return distinct(found), nil
}

// planesOf gives the planes blue, green and red, 0 to 255, black beyond the picture.
func planesOf(img *image.RGBA, w, h int) []float32 {
	planes := make([]float32, 3*w*h)
	for y := range img.Rect.Dy() {
		row := img.Pix[y*img.Stride:][:4*img.Rect.Dx()]
		for x := range img.Rect.Dx() {
			for c := range 3 {
				planes[(2-c)*w*h+y*w+x] = float32(row[4*x+c])
			}
		}
	}
	return planes
}

// decodeFace reads one answer: the score is the geometric mean of "a face" and "an object", the centre is counted in
// steps of the grid, and the size is its logarithm in steps.
func decodeFace(class, object float32, box []float32, col, row, stride int) (finding, bool) {
	unit := func(v float32) float64 { return min(max(float64(v), 0), 1) }
	score := math.Sqrt(unit(class) * unit(object))
	s := float64(stride)
	x, y := (float64(col)+float64(box[0]))*s, (float64(row)+float64(box[1]))*s
	w, h := math.Exp(float64(box[2]))*s, math.Exp(float64(box[3]))*s
	for _, v := range []float64{x, y, w, h} {
		if !(math.Abs(v) < 1e5) { // not a number, or none that a picture holds
			return finding{}, false
		}
	}
	return finding{kind: KindFace, x0: x - w/2, y0: y - h/2, x1: x + w/2, y1: y + h/2, score: score,
		source: opinionSource, tuning: opinionTuning}, score >= opinionLeast
}

// distinct keeps the best of those that overlap.
func distinct(found []finding) []finding {
	slices.SortStableFunc(found, func(a, b finding) int { return cmp.Compare(b.score, a.score) })
	found = found[:min(len(found), opinionMost)]
	var kept []finding
	for _, f := range found {
		overlaps := func(k finding) bool {
			both := max(0, min(f.x1, k.x1)-max(f.x0, k.x0)) * max(0, min(f.y1, k.y1)-max(f.y0, k.y0))
			return both > opinionIoU*((f.x1-f.x0)*(f.y1-f.y0)+(k.x1-k.x0)*(k.y1-k.y0)-both)
		}
		if len(kept) < MaxRegions && !slices.ContainsFunc(kept, overlaps) {
			kept = append(kept, f)
		}
	}
	return kept
}
