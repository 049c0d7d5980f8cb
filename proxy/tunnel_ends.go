package proxy

import (
	"errors"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

var (
	errTunnelTimeout = errors.New("stream_timeout is over")
	errPoolGone      = errors.New("pool is no longer in use")
	errBackendGone   = errors.New("backend was taken out")
	errExiting       = errors.New("process stops")
	errClientGone    = errors.New("client has left")
)

// tunnelEnds are the reasons outside of a tunnel for it to end.
type tunnelEnds struct {
	tunnel     *pool.Tunnel
	closeDelay time.Duration // from the end of what it belongs to
	timeout    time.Duration // 0: none
	clientGone <-chan struct{}

	end <-chan time.Time // of a tunnel that is to end; nil: it is not
	at  time.Time        // when that is
	why error
}

// wait returns when both directions have ended, or the first has failed, or
// the tunnel has to end.
func (e *tunnelEnds) wait(result <-chan error) error {
	var timeout <-chan time.Time
	if e.timeout > 0 {
		timeout = time.After(e.timeout)
	}
	poolGone, backendGone, exiting := e.tunnel.PoolGone(), e.tunnel.BackendGone(), e.tunnel.Exiting()
	for left := 2; left > 0; {
		select {
		case err := <-result:
			left--
			if err != nil {
				return err
			}
		case <-timeout:
			return errTunnelTimeout
		case <-poolGone:
			poolGone = nil
			e.endIn(e.closeDelay, errPoolGone)
		case <-backendGone:
			backendGone = nil
			e.endIn(e.tunnel.GoneDelay(e.closeDelay), errBackendGone)
		case <-exiting:
			exiting = nil
			e.endIn(e.tunnel.ExitDelay(e.closeDelay), errExiting)
		case <-e.end:
			return e.why
		case <-e.clientGone:
			return errClientGone
		}
	}
	return nil
}

// endIn has the tunnel end after a delay, if it does not end before.
func (e *tunnelEnds) endIn(delay time.Duration, why error) {
	at := time.Now().Add(delay)
	if e.end == nil || at.Before(e.at) {
		e.end, e.at, e.why = time.After(delay), at, why
	}
}

// polite reports whether both ends are to be told why the tunnel ends.
func polite(err error) bool {
	return errors.Is(err, errPoolGone) || errors.Is(err, errBackendGone) || errors.Is(err, errExiting)
}
