package discovery

import (
	"errors"
	"fmt"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// emptyAnswers is how many answers in a row must say that there are no
// backends before those that are known are given up.
const emptyAnswers = 2

// condition is what a lookup is in, taken together. Only its changes are worth
// a line in the log.
type condition string

const (
	notAsked  condition = ""
	answered  condition = "answered"
	failing   condition = "failing"
	doubted   condition = "doubted" // an empty answer, which has to be confirmed
	foundNone condition = "found none"
)

// memory is what is known of a lookup: its last good answer, kept for as long
// as nothing better is known.
type memory struct {
	known    []pool.Spec
	cond     condition
	failures int    // in a row
	empties  int    // in a row, not counting failures between them
	leftOut  string // what was last said about parts of an answer
}

// learn takes in the outcome of one lookup.
func (m *memory) learn(specs []pool.Spec, err error) {
	switch {
	case len(specs) > 0:
		m.known, m.cond, m.failures, m.empties = specs, answered, 0, 0
	case err != nil:
		m.failures++
		m.cond = failing
	default:
		m.failures = 0
		m.empties++
		m.cond = foundNone
		if len(m.known) > 0 && m.empties < emptyAnswers {
			m.cond = doubted
			return
		}
		m.known = nil
	}
}

// errNothingUsable is the failure of a lookup whose answer was of no use.
var errNothingUsable = errors.New("the answer has no usable backend")

// judge turns what Find returned into what can be learnt from it, and what was
// left out, if anything.
func judge(r result) (specs []pool.Spec, leftOut string, err error) {
	if len(r.found) == 0 {
		return nil, "", r.err
	}
	specs, partly := specsOf(r.found)
	partly = errors.Join(r.err, partly)
	if len(specs) == 0 {
		return nil, "", fmt.Errorf("%w: %w", errNothingUsable, partly)
	}
	if partly != nil {
		leftOut = partly.Error()
	}
	return specs, leftOut, nil
}
