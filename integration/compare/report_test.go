package compare

import (
	"fmt"
	"strings"
	"testing"
)

// directive is one of the two that are compared.
type directive string

const (
	theirs directive = "reverse_proxy"
	ours   directive = "load_balance"
)

// row is a scenario, and what has come of it.
type row struct{ scenario, what, theirs, ours string }

type rows []row

var report rows

// compare plays a scenario with both, one after the other; in the short form
// with load_balance alone, whose promises are checked. What they are measured by
// is said in what; play returns it as text.
func compare(t *testing.T, scenario, what string, play func(*testing.T, directive) string) {
	t.Helper()
	r := row{scenario: scenario, what: what}
	if *long {
		t.Run(string(theirs), func(t *testing.T) { r.theirs = play(t, theirs) })
	}
	t.Run(string(ours), func(t *testing.T) { r.ours = play(t, ours) })
	report = append(report, r)
}

func (r rows) markdown() string {
	if len(r) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| what happens | measured | `reverse_proxy` | `load_balance` |\n|---|---|---:|---:|\n")
	for _, x := range r {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.scenario, x.what, x.theirs, x.ours)
	}
	return b.String()
}
