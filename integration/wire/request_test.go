package wire

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// reply200 is the answer of a backend that is not what a test is about.
const reply200 = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"

// exchange sends the bytes of a request to the site over a connection of its
// own, has the backend answer, and returns what each side has received.
func (s *site) exchange(t testing.TB, raw, method string) (*message, *answer) {
	t.Helper()
	b := s.backend(t)
	client := s.dial(t)
	sent := make(chan error, 1)
	go func() { sent <- client.sendPieces(s.fill(raw), len(raw)+1000) }()
	p := b.accept()
	m := p.request()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	p.send(reply200)
	return m, client.answer(method)
}

// baseFields are the header lines that a backend receives with any request of
// a client of HTTP/1.1 in plain text.
func (s *site) baseFields() []string {
	return []string{
		"Host: " + s.host,
		"X-Forwarded-For: 127.0.0.1",
		"X-Forwarded-Proto: http",
		"X-Forwarded-Host: " + s.host,
		"Via: 1.1 Caddy",
	}
}

// expectFields compares the whole header of a request. A line in want replaces
// those of base with the same name; one without a value takes them away.
func (m *message) expectFields(t testing.TB, base, want []string) {
	t.Helper()
	var wanted []string
	for _, line := range base {
		if name, _, _ := strings.Cut(line, ":"); !names(want, name) {
			wanted = append(wanted, line)
		}
	}
	for _, line := range want {
		if strings.Contains(line, ":") {
			wanted = append(wanted, line)
		}
	}
	got, exp := canonical(m.fields), canonical(wanted)
	if !slices.Equal(got, exp) {
		t.Errorf("the backend got the fields\n%q, want\n%q", got, exp)
	}
}

// names reports whether a line of the list is about the field.
func names(lines []string, field string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		return strings.EqualFold(name, field)
	})
}

// refused sends the bytes of a request that must get an answer with one of the
// statuses, and must not reach the backend.
func (s *site) refused(t testing.TB, raw string, statuses ...int) {
	t.Helper()
	b := s.backend(t)
	client := s.dial(t)
	client.send(s.fill(raw))
	_ = client.SetReadDeadline(time.Now().Add(patience / 2))
	a := client.readAnswer("GET")
	if !slices.Contains(statuses, a.status) {
		t.Errorf("got status %d (%v), want %d", a.status, a.err, statuses)
	}
	b.expectNothing()
}
