package imaging

// The turns of a search, in degrees: each cascade knows faces upright or rolled by about 20 degrees, and patients lie down.
var (
	upright = []int{0}
	tilted  = []int{30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330}
)

// facePlan is the search for faces. The evidence of each cascade is the negative decimal logarithm of how many clusters of
// at least that score there are in a wound photo, as measured on the part of the wounds set aside for tuning.
var facePlan = []*search{
	{model: facefinder, longest: 1024, least: 30, turns: upright, shift: 0.1, scale: 1.12, headSide: 1,
		evidence: rarity{{3, 0}, {30, 1}}},
	{model: facefinder, longest: 384, least: 24, turns: tilted, shift: 0.125, scale: 1.15, headSide: 1,
		evidence: rarity{{8, 0}, {40, 1}}},
}
