package imaging

// The turns of a search, in degrees: each cascade knows faces upright or rolled by about 20 degrees, and patients lie down.
var (
	upright = []int{0}
	lying   = []int{90, 270}
)

// The evidence of the searches that the vault and the browser both make: the negative decimal logarithm of how many clusters of
// at least a score there are in a wound photo (faceplan.go).
var (
	facefinderUpright = rarity{{0.3, 0.6}, {3.2, 1}, {7.5, 1.5}, {30, 3}}
	facefinderTurned  = rarity{{0.1, 0}, {2, 0.5}, {5.1, 1}, {8.1, 1.5}, {25, 3}}
	eyeUpright        = rarity{{0.3, -1}, {3.6, -0.5}, {7.5, 0}, {20, 0.5}, {51, 1}, {82, 1.5}}
	eyeLying          = rarity{{3, -0.5}, {7.6, 0}, {18, 0.5}, {35, 1}, {70, 1.5}}
)
