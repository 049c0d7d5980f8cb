package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// text returns the report for people.
func (r *report) text(s screen) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(cut(printable(fmt.Sprintf(format, args...)), s.width) + "\n")
	}
	first := fmt.Sprintf("%s to %s", plural(r.Requests, "request"), r.URL)
	if answered := r.Requests - r.Errors; answered > 0 {
		first += fmt.Sprintf(", p50 %s, p99 %s", milliseconds(r.P50), milliseconds(r.P99))
	}
	b.WriteString(s.colours.paint(cut(printable(first), s.width), bold) + "\n")
	line("%s", r.outcome())
	if r.By == byHeader {
		line("backends by the response header %s", r.Header)
	} else {
		line("backends by their request counters, before and after: requests of others count, too")
		if r.total() != r.Requests-r.Errors {
			line("note: the counters grew by %s, and %s were answered", count(r.total()), plural(r.Requests-r.Errors, "request"))
		}
	}
	r.table().write(&b, s.width, s.colours)
	if r.By == byHeader && r.Unknown > 0 {
		line("%s without the header", plural(r.Unknown, "response"))
	}
	return b.String()
}

// outcome says how the requests have ended, as in `200: 98, 502: 2`.
func (r *report) outcome() string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		parts = append(parts, fmt.Sprintf("%d: %s", status, count(r.Statuses[status])))
	}
	if r.Errors > 0 {
		parts = append(parts, "no answer: "+count(r.Errors))
	}
	return "status " + strings.Join(parts, ", ")
}

func (r *report) total() (n int) {
	for i := range r.Backends {
		n += r.Backends[i].Requests
	}
	return n
}

func (r *report) table() *table {
	t := &table{columns: []column{{title: "BACKEND", flexible: true}, {title: "REQUESTS", right: true}, {title: "SHARE", right: true}, {title: "FAILED", right: true}}}
	if r.By == byHeader {
		t.columns = append(t.columns, column{title: "P50", right: true}, column{title: "P99", right: true})
	}
	for i := range r.Backends {
		b := &r.Backends[i]
		failures := cell{text: count(b.Failures)}
		if b.Failures > 0 {
			failures.colour = yellow
		}
		cells := []cell{{text: b.ID}, {text: count(b.Requests)}, {text: number(100*b.Share) + "%"}, failures}
		if r.By == byHeader {
			cells = append(cells, cell{text: milliseconds(b.P50)}, cell{text: milliseconds(b.P99)})
		}
		t.rows = append(t.rows, row{cells: cells})
	}
	return t
}

// compareNatural orders names as people do: numbers in them by their value.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x == "" || y == "" {
			if a[0] != b[0] {
				return strings.Compare(a, b)
			}
			a, b = a[1:], b[1:]
			continue
		}
		m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(m) != len(n) {
			return len(m) - len(n)
		}
		if m != n {
			return strings.Compare(m, n)
		}
		a, b = a[len(x):], b[len(y):]
	}
	return len(a) - len(b)
}

func digits(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))] }
