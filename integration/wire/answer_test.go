package wire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// answer is what a client has received, whatever protocol it speaks.
type answer struct {
	status        int
	fields        []string // canonical
	body          string
	trailers      []string // canonical
	informational []string // `103 link: <a>`
	complete      bool     // the protocol says that the whole body has come
	err           error    // why it is not complete
}

// readAnswer reads a response to a request with the method.
func (p *peer) readAnswer(method string) *answer {
	a := new(answer)
	for {
		m, err := readHead(p.r)
		if err != nil {
			a.err = err
			return a
		}
		if a.status, err = parseStatus(m.start); err != nil {
			a.err = err
			return a
		}
		if a.status >= 100 && a.status < 200 && a.status != 101 {
			a.informational = append(a.informational, strconv.Itoa(a.status)+" "+strings.Join(canonical(m.fields), "; "))
			continue
		}
		a.fields = canonical(m.fields)
		if method == "HEAD" || a.status == 204 || a.status == 304 || a.status == 101 {
			a.complete = true
			return a
		}
		a.err = m.readBody(p.r, true)
		a.body, a.trailers, a.complete = m.body, canonical(m.trailers), m.complete
		return a
	}
}

// parseStatus parses the status line that Caddy writes.
func parseStatus(line string) (int, error) {
	rest, ok := strings.CutPrefix(line, "HTTP/1.1 ")
	if !ok {
		rest, ok = strings.CutPrefix(line, "HTTP/1.0 ")
	}
	if !ok || len(rest) < 4 || rest[3] != ' ' {
		return 0, fmt.Errorf("status line %q", line)
	}
	return strconv.Atoi(rest[:3])
}

// answer is readAnswer for a response that must come whole.
func (p *peer) answer(method string) *answer {
	p.t.Helper()
	a := p.readAnswer(method)
	if !a.complete {
		p.t.Fatalf("the response is not complete: %+v", *a)
	}
	return a
}

// values returns the values of a header field, in order.
func (a *answer) values(name string) []string { return valuesOf(a.fields, name) }

// expectStatus fails the test if the status is another one.
func (a *answer) expectStatus(t testing.TB, want int) {
	t.Helper()
	if a.status != want || !a.complete {
		t.Errorf("got status %d, complete: %t (%v), want %d", a.status, a.complete, a.err, want)
	}
}

// ambient are fields that Caddy's server adds by itself, or that are part of
// the framing, which reading the answer judges.
var ambient = []string{"date", "alt-svc", "transfer-encoding"}

// expectFields compares the header with want, canonical or not. What Caddy's
// server adds by itself counts only if want has it as well.
func (a *answer) expectFields(t testing.TB, want ...string) {
	t.Helper()
	wanted := canonical(want)
	var got []string
	for _, line := range a.fields {
		name, _, _ := strings.Cut(line, ":")
		added := slices.Contains(ambient, name) || line == "content-length: 0"
		if added && len(valuesOf(wanted, name)) == 0 {
			continue
		}
		got = append(got, line)
	}
	if !slices.Equal(got, wanted) {
		t.Errorf("the client got the fields %q, want %q", got, wanted)
	}
}
