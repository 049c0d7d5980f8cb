//go:build race

package fault

// raceEnabled builds Caddy with the race detector when the tests have it.
const raceEnabled = true
