//go:build !race

package imaging

// underRace is false: tests run on everything there is.
const underRace = false
