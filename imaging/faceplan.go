//go:build !js

package imaging

// tilted are turns between those of liveevidence.go.
var tilted = []int{30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330}

// facePlan is the search for faces. The evidence of each cascade is the negative decimal logarithm of how many clusters of
// at least that score there are in a wound photo, as measured on the part of the wounds set aside for tuning.
var facePlan = []*search{
	{model: facefinder, weight: 1, longest: 1024, least: 30, turns: upright, shift: 0.1, scale: 1.12, headSide: 1,
		evidence: facefinderUpright},
	{model: facefinder, weight: 1, longest: 320, least: 24, turns: tilted, shift: 0.125, scale: 1.15, headSide: 1,
		evidence: facefinderTurned},
	{model: wholeFace, weight: 0.4, longest: 448, least: 24, turns: upright, shift: 0.125, scale: 1.15, headSide: 1 / 1.16,
		evidence: rarity{{0.3, -0.5}, {2.9, 0}, {6.4, 0.5}, {15.7, 1}, {27.8, 1.5}, {50, 2.5}}},
	{model: wholeFace, weight: 0.4, longest: 320, least: 24, turns: tilted, shift: 0.125, scale: 1.2, headSide: 1 / 1.16,
		evidence: rarity{{2.7, -1}, {5.7, -0.5}, {9.1, 0}, {15, 0.5}, {22, 1}, {36, 1.5}, {60, 2.5}}},
	{model: oneEye, weight: 0.8, longest: 448, least: 24, turns: upright, shift: 0.1, scale: 1.15, headY: 0.4, headSide: 2.4,
		evidence: eyeUpright},
	{model: oneEye, weight: 0.8, longest: 384, least: 24, turns: lying, shift: 0.125, scale: 1.15, headY: 0.4, headSide: 2.4,
		evidence: eyeLying},
	{model: lowerFace, weight: 0.8, longest: 384, least: 24, turns: upright, shift: 0.125, scale: 1.15, headY: -0.25, headSide: 1.7,
		evidence: rarity{{0.5, -1}, {3.8, -0.5}, {9.5, 0}, {27, 0.5}, {50, 1}, {87, 1.5}}},
}
