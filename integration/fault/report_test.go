package fault

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// row is a scenario in the report.
type row struct {
	name           string
	requests       int
	expected, seen int // errors
	exact          bool
	p50, p99       time.Duration
	left           string
	peak           int64 // bytes
}

// rows are the report of all scenarios.
type rows struct {
	mu   sync.Mutex
	list []row
}

var report rows

func (r *rows) add(x row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, x)
}

// text writes a line for each scenario.
func (r *rows) text(w io.Writer) {
	if len(r.list) == 0 {
		return
	}
	fmt.Fprintf(w, "%-62s %8s %8s %8s %9s %9s %6s  %s\n", "scenario", "requests", "expected", "errors", "p50", "p99", "MiB", "left over")
	for _, x := range r.list {
		fmt.Fprintf(w, "%-62s %8d %8d %8s %9s %9s %6d  %s\n", x.name, x.requests, x.expected, x.errors(), milliseconds(x.p50), milliseconds(x.p99), x.peak>>20, x.left)
	}
}

// markdown writes a table for the documentation.
func (r *rows) markdown() string {
	var b strings.Builder
	b.WriteString("| fault | requests | errors explained | errors seen | p50 | p99 | left over |\n|---|---:|---:|---:|---:|---:|---|\n")
	for _, x := range r.list {
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %s | %s |\n", x.name, x.requests, x.expected, x.errors(), milliseconds(x.p50), milliseconds(x.p99), x.left)
	}
	return b.String()
}

// errors returns how many there were, and whether they are the expected ones.
func (x row) errors() string {
	if !x.exact {
		return fmt.Sprintf("%d, others", x.seen)
	}
	return fmt.Sprint(x.seen)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
