package pool

import (
	"sync"
	"time"
)

// tunnelGate ends the tunnels to a backend. It is closed once.
type tunnelGate struct {
	closed chan struct{}

	// of a gate that is closed
	until   time.Time // tunnels may go on until then; zero: no longer
	delayed bool      // they may go on for as long as they are allowed to otherwise
}

func newTunnelGate() *tunnelGate { return &tunnelGate{closed: make(chan struct{})} }

// Tunnel is an upgraded connection to a backend.
type Tunnel struct {
	member *Member
	gate   *tunnelGate
	once   sync.Once
}

// OpenTunnel counts a tunnel to the backend, which has to be closed.
func (m *Member) OpenTunnel() *Tunnel {
	m.tunnels.Add(1)
	m.pool.exit.add()
	return &Tunnel{member: m, gate: m.tunnelGate()}
}

// Close counts the end of the tunnel, once.
func (t *Tunnel) Close() {
	t.once.Do(func() {
		if t.member.tunnels.Add(-1) == 0 {
			t.member.pool.emptied(t.member.Backend)
		}
		t.member.pool.exit.done()
	})
}

// BackendGone is closed when tunnels to the backend have to end: it was
// removed, or the deadline of its drain has passed. See GoneDelay.
func (t *Tunnel) BackendGone() <-chan struct{} { return t.gate.closed }

// GoneDelay returns how long the tunnel may still go on once BackendGone is
// closed. usual is for how long tunnels outlive what they go to.
func (t *Tunnel) GoneDelay(usual time.Duration) time.Duration {
	delay := time.Until(t.gate.until)
	if t.gate.delayed {
		delay = max(delay, usual)
	}
	return max(delay, 0)
}

// PoolGone is closed when no config uses the pool any more.
func (t *Tunnel) PoolGone() <-chan struct{} { return t.member.pool.done }

// Exiting is closed when the process stops. See ExitDelay.
func (t *Tunnel) Exiting() <-chan struct{} { return t.member.pool.exit.begun }

// ExitDelay is what GoneDelay is, for Exiting.
func (t *Tunnel) ExitDelay(usual time.Duration) time.Duration {
	return min(usual, t.member.pool.exit.grace)
}

// tunnelGate returns what ends the tunnels that are opened now.
func (b *Backend) tunnelGate() *tunnelGate {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gate == nil {
		b.gate = newTunnelGate()
	}
	return b.gate
}

// endTunnels ends those that there are, and those to come until openTunnels is
// called.
func (b *Backend) endTunnels(until time.Time, delayed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gate == nil {
		b.gate = newTunnelGate()
	}
	if !b.gate.isClosed() {
		b.gate.until, b.gate.delayed = until, delayed
		close(b.gate.closed)
	}
}

// openTunnels lets new tunnels last.
func (b *Backend) openTunnels() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gate != nil && b.gate.isClosed() {
		b.gate = nil
	}
}

func (g *tunnelGate) isClosed() bool {
	select {
	case <-g.closed:
		return true
	default:
		return false
	}
}
