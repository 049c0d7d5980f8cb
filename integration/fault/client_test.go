package fault

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// class says what became of a request, as its client has it.
type class string

const (
	good  class = "good"  // 200, whole, with the right body
	cut   class = "cut"   // the connection ended before the response was complete
	wrong class = "wrong" // anything that must never be: another's bytes, too few that look complete
)

// status is the class of a whole response with a status other than 200.
func status(code int) class { return class(strconv.Itoa(code)) }

// outcome is what became of a request.
type outcome struct {
	ask
	class
	begun bool // something of a response has come
	took  time.Duration
	err   error
}

// requestTimeout ends what hangs. That is never right.
const requestTimeout = 60 * time.Second

// client sends requests, one after the other, over a connection that it keeps
// as long as it may.
type client struct {
	addr string
	conn *net.TCPConn
	r    *bufio.Reader

	keepsCookies bool
	cookie       string
	cookiesSet   int
	backend      string // that has answered last
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// do sends the request and reads the response.
func (c *client) do(a ask) outcome {
	start := time.Now()
	o := outcome{ask: a}
	o.class, o.err = c.exchange(a, &o)
	o.took = time.Since(start)
	if o.class == cut || o.class == wrong {
		c.close()
	}
	return o
}

func (c *client) exchange(a ask, o *outcome) (class, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, requestTimeout)
		if err != nil {
			return cut, err
		}
		c.conn, c.r = conn.(*net.TCPConn), bufio.NewReaderSize(conn, 1<<15)
	}
	_ = c.conn.SetDeadline(time.Now().Add(requestTimeout))
	sendErr := c.send(a)
	if _, err := c.r.Peek(1); err != nil {
		return c.ended(fmt.Errorf("no response: %w, sending: %w", err, sendErr))
	}
	o.begun = true
	resp, err := http.ReadResponse(c.r, &http.Request{Method: a.method})
	for err == nil && resp.StatusCode < 200 {
		resp, err = http.ReadResponse(c.r, &http.Request{Method: a.method})
	}
	if err != nil {
		return c.ended(fmt.Errorf("head of the response: %w", err))
	}
	defer func() {
		if resp.Close || sendErr != nil {
			c.close()
		}
	}()
	return c.judge(a, resp)
}

// ended is the class of a response that is not complete. One that is late hangs.
func (*client) ended(err error) (class, error) {
	if isTimeout(err) {
		return wrong, err
	}
	return cut, err
}

func (c *client) send(a ask) error {
	head := a.head(c.addr)
	if c.cookie != "" {
		head = strings.TrimSuffix(head, "\r\n") + "Cookie: " + c.cookie + "\r\n\r\n"
	}
	if _, err := io.WriteString(c.conn, head); err != nil || a.upload == 0 {
		return err
	}
	body := string(patternOf(a.id).text(a.upload))
	if a.chunked {
		body = (&call{ask: ask{framing: byChunks}}).frame(body)
	}
	_, err := io.WriteString(c.conn, body)
	return err
}

// judge reads the body of a response, and says what to think of it.
func (c *client) judge(a ask, resp *http.Response) (class, error) {
	defer resp.Body.Close()
	if c.keepsCookies {
		for _, cookie := range resp.Cookies() {
			c.cookie = cookie.Name + "=" + cookie.Value
			c.cookiesSet++
		}
		c.backend = resp.Header.Get("Backend")
	}
	if resp.StatusCode != http.StatusOK {
		if id := resp.Header.Get("Request-Id"); id != "" {
			return wrong, fmt.Errorf("status %d with the id %q", resp.StatusCode, id)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return c.ended(err)
		}
		return status(resp.StatusCode), nil
	}
	if id := resp.Header.Get("Request-Id"); id != strconv.FormatUint(a.id, 10) {
		return wrong, fmt.Errorf("the response to %d has the id %q", a.id, id)
	}
	check := patternCheck{pattern: patternOf(a.id)}
	_, err := io.Copy(&check, resp.Body)
	switch {
	case check.wrong != nil:
		return wrong, check.wrong
	case err != nil:
		return c.ended(err)
	case check.offset != a.size:
		return wrong, fmt.Errorf("the response has %d bytes of %d, and looks complete", check.offset, a.size)
	}
	return good, nil
}
