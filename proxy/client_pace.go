package proxy

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// paceLimit says how slow a client may be in one direction. It is what Apache's
// RequestReadTimeout has as MinRate, but for what it counts: only the time in
// which the client was waited for, so that a slow backend is not taken for a
// slow client.
type paceLimit struct {
	grace time.Duration // before the rate counts
	rate  int64         // bytes per second; 0: any
}

func newPaceLimit(timeout *caddy.Duration, rate *int64) paceLimit {
	l := paceLimit{grace: config.DefaultClientTimeout, rate: config.DefaultClientMinRate}
	if timeout != nil {
		if l.grace = time.Duration(*timeout); l.grace == 0 {
			l.rate = 0
		}
	}
	if rate != nil {
		l.rate = *rate
	}
	return l
}

// pace is how a client has done so far.
type pace struct {
	waited time.Duration // for the client
	bytes  int64
}

// add takes note of one operation that has waited for the client since began.
// It returns an error if the client is too slow:
//
//	waited > grace + bytes / rate
func (p *pace) add(l *paceLimit, began time.Time, n int) error {
	p.waited += time.Since(began)
	p.bytes += int64(n)
	if l.rate == 0 || p.waited <= l.grace {
		return nil
	}
	// in whole milliseconds, for nothing to overflow
	if (p.waited - l.grace).Milliseconds() <= p.bytes/l.rate*1000+p.bytes%l.rate*1000/l.rate {
		return nil
	}
	return &slowClientError{p.bytes, p.waited, l.rate}
}

// slowClientError is that of a client that goes on, but too slowly.
type slowClientError struct {
	bytes  int64
	waited time.Duration
	rate   int64
}

// Error implements error.
func (e *slowClientError) Error() string {
	return fmt.Sprintf("client is too slow: %d bytes in %s, of at least %d per second", e.bytes, e.waited.Round(time.Millisecond), e.rate)
}

// Timeout makes it one of those errors that mean a timeout.
func (e *slowClientError) Timeout() bool { return true }
