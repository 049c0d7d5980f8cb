package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// copyBody copies the body of the response to the client, straight from the
// buffer that it was received in. What was written is flushed an interval later
// at the latest; if that is negative, as soon as there is nothing more to write.
func (h *http1Exchange) copyBody(interval time.Duration) error {
	c := bodyCopy{h: h, interval: interval}
	c.wrote(true)
	client := chunkedWriter{w: h.a.w}
	defer client.end()
	for {
		piece, err := h.next(c.wait(), 0)
		h.a.releaseIfRead(0, nil)
		if len(piece) > 0 {
			if err := h.a.sendToClient(len(piece), func() error { return client.write(h.a.r, piece) }); err != nil {
				return err
			}
			c.wrote(false)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, errWaited):
			return fmt.Errorf("reading response: %w", err)
		case errors.Is(err, errWaited) || c.due():
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
}

// bodyCopy decides when a response is flushed.
type bodyCopy struct {
	h        *http1Exchange
	interval time.Duration
	by       time.Time // when it is to be; zero: nothing is pending
}

// wrote says that there is something to flush.
func (c *bodyCopy) wrote(head bool) {
	if !c.by.IsZero() && (head || c.interval >= 0) {
		return
	}
	switch {
	case head && c.interval < 0:
		c.by = time.Now().Add(headDelay) // for the first bytes of the body
	case c.interval >= 0:
		c.by = time.Now().Add(c.interval)
	default:
		c.by = longAgo
	}
}

// wait returns how long the next bytes may be waited for; 0 is for ever.
func (c *bodyCopy) wait() time.Duration {
	if c.by.IsZero() {
		return 0
	}
	return max(time.Until(c.by), 1)
}

// due reports whether it is time to flush: never before everything was written
// that has come.
func (c *bodyCopy) due() bool {
	if c.by.IsZero() || c.h.r < c.h.w || c.h.phase == phaseIdle {
		return false
	}
	return !c.by.After(time.Now())
}

func (c *bodyCopy) flush() error {
	c.by = time.Time{}
	return c.h.a.sendToClient(0, http.NewResponseController(c.h.a.w).Flush)
}
