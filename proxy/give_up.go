package proxy

import (
	"context"
	"net"
	"slices"

	"github.com/caddy-loadbalance/caddy-loadbalance/shortage"
)

// maxGivenUp is how many idle connections are given up for a new one: somebody
// else may be quicker to take the descriptor that was freed.
const maxGivenUp = 3

// dial opens a connection. If the process has no descriptor left for it, idle
// connections to other backends have to go: there is none to this one.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.traffic.DialContext(ctx, network, address)
	for n := 0; err != nil && n < maxGivenUp && d.giveUp != nil; n++ {
		if shortage.Of(err) != shortage.Descriptors || !d.giveUp() {
			break
		}
		conn, err = d.traffic.DialContext(ctx, network, address)
	}
	return conn, err
}

// giveUp closes the idle connection that was not used for longest, of the first
// backend that has any. It reports false if there is none.
func (s *sweeper) giveUp() bool {
	s.mu.Lock()
	watched := slices.Clone(s.watched)
	s.mu.Unlock()
	for _, i := range watched {
		if c := i.takeOldest(); c != nil {
			_ = c.Close()
			return true
		}
	}
	return false
}

// takeOldest returns the connection that was not used for longest, nil if there
// is none.
func (i *idleConns) takeOldest() *http1Conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.conns) == 0 {
		return nil
	}
	c := i.conns[0]
	copy(i.conns, i.conns[1:])
	i.conns[len(i.conns)-1] = nil
	i.conns = i.conns[:len(i.conns)-1]
	i.sweeper.count.Add(-1)
	return c
}
