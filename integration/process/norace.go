//go:build !race

package process

// Race says whether the tests have the race detector.
const Race = false
