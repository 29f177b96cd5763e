package train

import (
	"fmt"
	"math"
)

// Target is what a cascade looks for.
type Target string

// The targets of the face family. Every window is a square.
const (
	// TargetFace frames a face whole: eyes to chin with 8 % around. Masks, dark glasses, the dark and a third cut off
	// by the edge are among its examples.
	TargetFace Target = "face"
	// TargetEye frames one eye with its brow: 0.42 of the width of a face.
	TargetEye Target = "eye"
	// TargetMouth frames mouth, chin and the tip of the nose: 0.62 of the width of a face.
	TargetMouth Target = "mouth"
)

// Shares of a face's width.
const (
	faceShare  = 1.16
	eyeShare   = 0.42
	mouthShare = 0.62
)

// frame is a square window about a mark.
type frame struct{ x, y, side float64 }

// frames gives the windows of a target on a face; none where its landmarks are not known.
func (f facePicture) frames(target Target) []frame {
	w := f.width()
	switch target {
	case TargetFace:
		return []frame{{(f.x0 + f.x1) / 2, (f.y0 + f.y1) / 2, faceShare * w}}
	case TargetEye:
		if !f.marked {
			return nil
		}
		var out []frame
		for _, eye := range []point{f.leftEye, f.rightEye} {
			out = append(out, frame{eye.x, eye.y - 0.03*w, eyeShare * w})
		}
		return out
	case TargetMouth:
		if !f.marked {
			return nil
		}
		l, r := f.leftMouth, f.rightMouth
		return []frame{{(l.x + r.x) / 2, (l.y+r.y)/2 - 0.03*w, mouthShare * w}}
	}
	return nil
}

// near reports whether a window shows enough of a frame to be no negative.
func (f frame) near(x, y, side float64) bool {
	if side > 2*f.side || side < f.side/2 {
		return false
	}
	return math.Hypot(x-f.x, y-f.y) < 0.45*max(side, f.side)
}

// ParseTarget gives the target of a name.
func ParseTarget(name string) (Target, error) {
	switch t := Target(name); t {
	case TargetFace, TargetEye, TargetMouth:
		return t, nil
	}
	return "", fmt.Errorf("train: no target %q: one of face, eye and mouth", name)
}
