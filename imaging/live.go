package imaging

import (
	"errors"
	"image"
)

// LiveSide is the longest side of a frame looked at before the shutter, in pixels.
const LiveSide = 320

// LiveCode names what is to be told of a frame. The codes are written into the facts of a capture when they are overruled.
type LiveCode string

// What a frame is warned of.
const (
	LiveFace      LiveCode = "face"      // a face, upright or lying
	LiveEyes      LiveCode = "eyes"      // eyes without a whole face
	LiveTattoo    LiveCode = "tattoo"    // a tattoo
	LiveText      LiveCode = "text"      // print or lettering
	LiveWristband LiveCode = "wristband" // a pale band or label with print or bars on it
	LiveBlur      LiveCode = "blur"      // out of focus, or moved
	LiveGlare     LiveCode = "glare"     // light that hides the middle
	LiveDark      LiveCode = "dark"      // too little light
	LiveFar       LiveCode = "far"       // hardly any skin in the frame, or a scale sheet too small
)

// Warning is one thing to be told of a frame. Score is 0 to 1, LiveFirm and more being told. Box is where, in pixels of the
// frame, and empty where the whole frame is meant.
type Warning struct {
	Code  LiveCode
	Score float64
	Box   Box
}

// LiveFirm is the score from which a warning is shown. The measures behind each score, and how often each is right, are in
// LIVE.md.
const LiveFirm = 0.5

// LiveCheck is a part of the checks: a frame of a camera has time for the cheap one and one other.
type LiveCheck string

// The parts. Light is cheap: dark, glare and far. Sharp is for the middle of the picture in the camera's own pixels, since
// a frame made small is sharp whatever the camera did.
const (
	CheckLight  LiveCheck = "light"
	CheckSharp  LiveCheck = "sharp"
	CheckFace   LiveCheck = "face"
	CheckLying  LiveCheck = "lying"
	CheckTattoo LiveCheck = "tattoo"
	CheckText   LiveCheck = "text"
)

var liveChecks = map[LiveCheck]func(*image.RGBA) ([]Warning, error){
	CheckLight:  lookLight,
	CheckSharp:  func(m *image.RGBA) ([]Warning, error) { return lookSharp(m), nil },
	CheckFace:   func(m *image.RGBA) ([]Warning, error) { return lookFaces(m, liveUpright) },
	CheckLying:  func(m *image.RGBA) ([]Warning, error) { return lookFaces(m, liveLying) },
	CheckTattoo: lookTattoos,
	CheckText:   lookText,
}

var (
	errLiveFrame = errors.New("imaging: a frame has 16 to 320 pixels a side")
	errLiveCheck = errors.New("imaging: no such check")
)

const leastLiveSide = 16

// Look runs one part of the checks on a frame that starts at the origin, upright, 16 to LiveSide pixels a side. It gives what it
// measured at any score over 0: the caller shows what is firm, and stays calm about frames between (capture/checks.js).
// Seeing nothing means nothing. No frame makes it panic; what it keeps of a frame is gone when it returns.
func Look(frame *image.RGBA, check LiveCheck) (found []Warning, err error) {
	defer rescue(&err)
	if frame == nil || frame.Rect.Min != (image.Point{}) || min(frame.Rect.Dx(), frame.Rect.Dy()) < leastLiveSide ||
		max(frame.Rect.Dx(), frame.Rect.Dy()) > LiveSide {
		return nil, errLiveFrame
	}
	look, ok := liveChecks[check]
	if !ok {
		return nil, errLiveCheck
	}
	return look(frame)
}

// fromFindings makes warnings of what a detector found in a frame.
func fromFindings(code LiveCode, found []finding, frame *image.RGBA, score func(finding) float64) (all []Warning) {
	for _, f := range found {
		if r, ok := f.region(1, frame.Rect.Dx(), frame.Rect.Dy()); ok && len(all) < 16 {
			all = append(all, Warning{Code: code, Score: score(f), Box: r.Box})
		}
	}
	return all
}

// rising maps a measure to a score: 0 at none, LiveFirm at firm and 1 at full, straight between; none may be more than full.
func rising(v, none, firm, full float64) float64 {
	if (v < firm) == (none < firm) {
		return LiveFirm * clamped((v-none)/(firm-none), 0, 1)
	}
	return LiveFirm + (1-LiveFirm)*clamped((v-firm)/(full-firm), 0, 1)
}

// LiveCodes are all warnings, in the order of their letters, as the facts of a capture hold them.
var LiveCodes = []LiveCode{LiveBlur, LiveDark, LiveEyes, LiveFace, LiveFar, LiveGlare, LiveTattoo, LiveText, LiveWristband}
