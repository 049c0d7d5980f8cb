package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// ending is what a backend does after its reply.
type ending int

const (
	keeps    ending = iota // waits for the next request
	finishes               // closes with FIN
	resets                 // closes with RST
)

// outcome is what has to become of a reply.
type outcome int

const (
	passed  outcome = iota // the client gets the response whole
	refused                // 502 instead, and nothing of the backend's
	aborted                // the client sees that the body is not complete
)

// reuse is what has to become of the backend's connection.
type reuse int

const (
	either reuse = iota
	kept         // the next request comes on it
	closed       // it is closed at once
)

// responseCase is a reply of a backend, byte for byte, and what a client makes
// of it that speaks any version of HTTP.
type responseCase struct {
	name   string
	why    string // section of the specification, or the reason
	method string // default: GET
	reply  string
	end    ending
	want   outcome
	conn   reuse

	status   int      // default: 200
	fields   []string // without what a proxy adds
	body     string
	trailers []string
}

// run plays the case with a client of the protocol.
func (c responseCase) run(t *testing.T, k *kind, protocol client) {
	s := k.take(t)
	method := c.method
	if method == "" {
		method = "GET"
	}
	b := s.backend(t)
	type end struct {
		peer *peer
		err  error
	}
	ended := make(chan end, 8)
	got := b.serve(func(p *peer, _ *message) bool {
		err := p.sendPieces(c.reply, 1<<20)
		switch c.end {
		case finishes:
			p.finish()
		case resets:
			time.Sleep(50 * time.Millisecond) // an RST overtakes what is in flight
			p.reset()
		case keeps:
			if c.conn == closed {
				_, err = p.drainUntilClosed(3 * time.Second)
			}
		}
		ended <- end{p, err}
		return c.end == keeps && c.conn != closed
	})
	a := protocol(t, s, method, "/")
	got.next(t)
	c.check(t, a)
	if c.conn == closed {
		if e := <-ended; e.err != nil {
			t.Errorf("the backend's connection: %v", e.err)
		}
	}
	if c.conn == kept {
		protocol(t, s, method, "/again")
		if n := b.count.Load(); n != 1 {
			t.Errorf("the second request came on another connection, of %d", n)
		}
	}
	s.expectIdle(t)
}

// check compares what the client got.
// ownLength reports whether a field is a correct length that the backend did not
// give: what has come whole at once may get one.
func (c responseCase) ownLength(field string) bool {
	head, rest, _ := strings.Cut(c.reply, "\r\n\r\n")
	for strings.HasPrefix(head, "HTTP/1.1 1") {
		head, rest, _ = strings.Cut(rest, "\r\n\r\n")
	}
	return field == fmt.Sprintf("content-length: %d", len(c.body)) && !strings.Contains(strings.ToLower(head), "content-length:")
}

func (c responseCase) check(t *testing.T, a *answer) {
	t.Helper()
	switch c.want {
	case refused:
		a.expectStatus(t, 502)
		if leak := leaked(a); leak != "" {
			t.Errorf("the client got of the backend: %s", leak)
		}
	case aborted:
		if a.complete {
			t.Errorf("the response looks complete: %d %q %.80q", a.status, a.fields, a.body)
		}
		if !strings.HasPrefix(c.body, a.body) {
			t.Errorf("the client got the body %.80q, of %.80q", a.body, c.body)
		}
	case passed:
		status := c.status
		if status == 0 {
			status = 200
		}
		a.expectStatus(t, status)
		if status == 304 {
			a.fields = slices.DeleteFunc(a.fields, framesBody)
			c.fields = slices.DeleteFunc(canonical(c.fields), framesBody)
		}
		a.fields = slices.DeleteFunc(a.fields, c.ownLength)
		a.expectFields(t, append([]string{"Via: " + viaOf(c.reply) + " Caddy"}, c.fields...)...)
		if a.body != c.body {
			t.Errorf("the client got the body %.80q, want %.80q", a.body, c.body)
		}
		if got, want := a.trailers, canonical(c.trailers); !slices.Equal(got, want) {
			t.Errorf("the client got the trailers %q, want %q", got, want)
		}
	}
}

// framesBody reports whether the field is one that a 304, which has no body,
// may have or not (RFC 9110 §15.4.5). Go's server leaves them out.
func framesBody(line string) bool {
	return strings.HasPrefix(line, "content-length:") || strings.HasPrefix(line, "content-type:")
}

// viaOf is the version of HTTP in the reply, as Via names it.
func viaOf(reply string) string {
	if strings.HasPrefix(reply, "HTTP/1.0") {
		return "1.0"
	}
	return "1.1"
}

// leaked returns what of a 502 comes from the backend. All that replies of
// tests contain has a mark.
func leaked(a *answer) string {
	for _, line := range append(slices.Clone(a.fields), a.body) {
		if strings.Contains(strings.ToLower(line), "leak") {
			return fmt.Sprintf("%.80q", line)
		}
	}
	return ""
}

// runResponses plays cases with clients of HTTP/1.1 and HTTP/2.
func runResponses(t *testing.T, cases []responseCase) {
	t.Helper()
	for _, c := range cases {
		for _, protocol := range []struct {
			name   string
			client client
		}{{"h1", overHTTP1}, {"h2", overHTTP2}} {
			t.Run(c.name+"/"+protocol.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, plain, protocol.client)
			})
		}
	}
}
