package fault

import (
	"fmt"
	"io"
	"strings"
)

// answer is how a backend answers that is well.
func answer(c *call) bool {
	if !c.readBody() {
		return false
	}
	if c.size <= atOnce {
		return c.write(c.whole()) && c.framing != byClose
	}
	return c.write(c.responseHead()) && c.writeBody() && c.framing != byClose
}

// atOnce is the size up to which a response is sent whole, so that a backend
// that goes down has sent all of it or nothing.
const atOnce = 4 << 10

// writeBody sends the response's body, however long, piece by piece.
func (c *call) writeBody() bool {
	p := patternOf(c.id)
	for offset := 0; offset < c.size; {
		piece := p.at(offset, c.size-offset)
		offset += len(piece)
		text := string(piece)
		if c.framing == byChunks {
			text = fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece)
		}
		if !c.write(text) {
			return false
		}
	}
	return c.framing != byChunks || c.write("0\r\n\r\n")
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
