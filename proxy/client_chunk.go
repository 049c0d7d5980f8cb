package proxy

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// quickWrite is how fast a client must take caddyhttp.DefaultMaxWriteChunk
// bytes for larger writes to it to be worth their risk.
const quickWrite = 100 * time.Millisecond

// chunkedWriter writes large pieces to the client. Caddy's server splits them, so
// that each part has the whole of `write_idle_timeout` to be taken in: even a
// client that takes a kilobyte per second has its time then. But most of what a
// write costs is by the write, and not by the byte. So a client that has taken
// one part quickly gets as much as there is at once, until one takes long.
//
// Limits of the server that were configured are left as they are.
type chunkedWriter struct {
	w      http.ResponseWriter
	server *caddyhttp.IdleTimeoutWriter // nil: nothing is split, or not by us
	known  bool                         // server is what it should be
}

// write writes to the client.
func (c *chunkedWriter) write(r *http.Request, p []byte) error {
	if len(p) <= caddyhttp.DefaultMaxWriteChunk {
		_, err := c.w.Write(p)
		return err
	}
	if !c.known {
		c.known = true
		_, c.server = caddyhttp.IdleTimeoutsFromContext(r.Context())
		if s := c.server; s != nil && (s.MaxChunk != caddyhttp.DefaultMaxWriteChunk || s.Deadline.MinRate != 0) {
			c.server = nil
		}
	}
	if c.server != nil && c.server.MaxChunk == caddyhttp.DefaultMaxWriteChunk {
		if err := c.timed(p[:caddyhttp.DefaultMaxWriteChunk]); err != nil {
			return err
		}
		p = p[caddyhttp.DefaultMaxWriteChunk:]
	}
	return c.timed(p)
}

// timed writes and decides how much the next write may have at once.
func (c *chunkedWriter) timed(p []byte) error {
	start := time.Now()
	_, err := c.w.Write(p)
	if c.server != nil {
		c.server.MaxChunk = caddyhttp.DefaultMaxWriteChunk
		if time.Since(start) < quickWrite {
			c.server.MaxChunk = http1BufferSize
		}
	}
	return err
}

// end leaves the server as it was.
func (c *chunkedWriter) end() {
	if c.server != nil {
		c.server.MaxChunk = caddyhttp.DefaultMaxWriteChunk
	}
}
