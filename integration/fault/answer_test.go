package fault

import (
	"fmt"
	"io"
	"strings"
)

// answer is how a backend answers that is well.
func answer(c *call) bool {
	return c.readBody() && c.write(c.whole()) && c.framing != byClose
}

// readBody reads the request's body, and checks it. It reports false if it ends
// too early.
func (c *call) readBody() bool {
	check := patternCheck{pattern: patternOf(c.id)}
	_, err := io.Copy(&check, c.body.Body)
	if check.wrong != nil {
		c.b.complain("request %d: %v", c.id, check.wrong)
	}
	return err == nil
}

// responseHead returns the head of a good response.
func (c *call) responseHead() string {
	framing := ""
	switch c.framing {
	case byLength:
		framing = fmt.Sprintf("Content-Length: %d\r\n", c.size)
	case byChunks:
		framing = "Transfer-Encoding: chunked\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nRequest-Id: %d\r\nBackend: %s\r\n%s\r\n", c.id, c.b.addr, framing)
}

// whole returns a good response.
func (c *call) whole() string {
	return c.responseHead() + c.frame(string(patternOf(c.id).text(c.size)))
}

// frame returns the body as it is sent.
func (c *call) frame(body string) string {
	if c.framing != byChunks {
		return body
	}
	var b strings.Builder
	for len(body) > 0 {
		n := min(len(body), 1111)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

// write reports whether the text was written.
func (c *call) write(text string) bool {
	_, err := io.WriteString(c.conn, text)
	return err == nil
}

// failed notes what the client must get for the request.
func (c *call) failed(want class) {
	c.b.state.Lock()
	defer c.b.state.Unlock()
	c.b.faults[c.id] = want
}

// retried notes that the client must get a good response all the same.
func (c *call) retried() {
	c.b.state.Lock()
	defer c.b.state.Unlock()
	delete(c.b.faults, c.id)
}
