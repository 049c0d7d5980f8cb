//go:build race

package integration

// raceEnabled builds Caddy with the race detector when the tests have it: a
// data race in Caddy's process then fails the test that stops it.
const raceEnabled = true
