//go:build race

package process

// Race says whether the tests have the race detector. Caddy has it then as
// well: a data race fails the test that stops the process.
const Race = true
