//go:build race

package imaging

// underRace: the race detector makes decoding ten times slower and takes memory of its own.
const underRace = true
