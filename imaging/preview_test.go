package imaging

import (
	"image"
	"math/rand/v2"
	"testing"

	dimaging "github.com/disintegration/imaging"
)

// TestPreview wants on a frame, at any size, the face that the whole search finds, in the frame's own pixels.
func TestPreview(t *testing.T) {
	frame := face(t)
	whole := DetectImage(frame)
	if len(whole) == 0 {
		t.Fatal("the whole search finds no face")
	}
	for _, k := range []int{1, 3} {
		w, h := k*frame.Rect.Dx(), k*frame.Rect.Dy()
		large := opaqueRGBA(dimaging.Resize(frame, w, h, dimaging.Linear))
		b := whole[0].Box
		want := Box{k * b.X0, k * b.Y0, k * b.X1, k * b.Y1}
		found := Preview(large)
		near := false
		for _, r := range found {
			if r.Box.clip(w, h) != r.Box || r.Box.empty() || r.Model == "" || (r.Kind != KindFace && r.Kind != KindTattoo) {
				t.Errorf("%d × %d: region %+v", w, h, r)
			}
			in := r.Box.rect().Intersect(want.rect())
			near = near || r.Kind == KindFace && 2*in.Dx()*in.Dy() > want.rect().Dx()*want.rect().Dy()
		}
		if !near {
			t.Errorf("%d × %d: found %v, want a face over %v", w, h, found, want)
		}
	}
}

// TestPreviewOddFrames: no frame makes it stop, and what it says lies in the frame.
func TestPreviewOddFrames(t *testing.T) {
	noise := image.NewRGBA(image.Rect(0, 0, 320, 240))
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(rng.UintN(256))
	}
	for name, frame := range map[string]*image.RGBA{
		"none": nil, "empty": image.NewRGBA(image.Rectangle{}), "one pixel": image.NewRGBA(image.Rect(0, 0, 1, 1)),
		"a strip": image.NewRGBA(image.Rect(0, 0, 1000, 3)), "black": image.NewRGBA(image.Rect(0, 0, 320, 240)), "noise": noise,
		"away from the origin": noise.SubImage(image.Rect(100, 60, 300, 200)).(*image.RGBA),
	} {
		for _, r := range Preview(frame) {
			if w, h := frame.Rect.Dx(), frame.Rect.Dy(); r.Box.clip(w, h) != r.Box || r.Box.empty() {
				t.Errorf("%s: %+v lies outside of %d × %d", name, r, w, h)
			}
		}
	}
}

// TestPreviewPlan: whatever is searched for faces, a preview searches it small, coarse and in few turns.
func TestPreviewPlan(t *testing.T) {
	plan := previewOf(facePlan)
	if len(plan) == 0 {
		t.Fatal("nothing is searched")
	}
	for _, s := range plan {
		side := previewTilt
		if s.turns[0] == 0 {
			side = previewSide
		}
		if len(s.turns) != 1 || s.longest > side || s.shift < previewShift || s.scale < previewScale {
			t.Errorf("%s at %v: side %d, shift %.2f, scale %.2f", s.model.name, s.turns, s.longest, s.shift, s.scale)
		}
	}
	for _, s := range facePlan {
		if s.longest <= previewTilt {
			t.Errorf("%s: the plan itself was cut down", s.model.name)
		}
	}
}
