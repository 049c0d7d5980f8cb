package pool

import (
	"net/http"
	"time"
)

// Sticky keeps clients with the backends that they have been with. It comes
// before the policy, which picks for clients that are new; see the sticky
// package.
type Sticky interface {
	// NewSessions returns what tells which backend a client has been with.
	// backends are all those of the pool, whatever their state; the slice is
	// not changed afterwards and may be kept. prev is what the new one
	// replaces, or nil; one of another Sticky may come in.
	NewSessions(backends []*Backend, prev Sessions) Sessions
}

// Sessions tell which backend a client has been with. They are used by many
// goroutines at once.
type Sessions interface {
	// Home returns the backend of the client's session; nil if it has none,
	// or may ignore it as the backend does not keep its sessions. It must not
	// allocate.
	Home(q *Request) *Backend

	// Begin makes m the backend of the client's session. h is the header of
	// the response, which is sent next. trusted says that the peer is a proxy
	// whose X-Forwarded-* fields count, beside those that Caddy itself trusts.
	Begin(q *Request, m *Member, h http.Header, trusted bool)

	// Continue is called instead of Begin when the session stays as it is.
	Continue(h http.Header)
}

// session is what a request knows of its client's session.
type session struct {
	of   Sessions // nil: clients are not kept
	home *Backend // nil: no session
	away bool     // home goes on serving the session, but had no room for this request

	waits bool // for home to have room
}

// stick returns the backend of the request's session, with a slot on it, or nil
// if the policy has to pick.
func (s *Snapshot) stick(q *Request) *Member {
	m := s.home(q)
	if m == nil {
		return nil
	}
	if !q.Take(m) {
		q.session.away = !q.Tried(m.Backend)
		q.session.waits = q.session.away && !m.gated && m.pool.queue.size.Load() > 0
		return nil
	}
	if m.tracker != nil {
		m.tracker.LoadChanged(m) // it was not its own pick
	}
	return m
}

// home returns the member that the request's session belongs to, if that goes
// on serving it.
func (s *Snapshot) home(q *Request) *Member {
	q.session = session{of: s.sessions}
	if s.sessions == nil {
		return nil
	}
	home := s.sessions.Home(q)
	if home == nil {
		return nil
	}
	q.session.home = home
	if m := home.member.Load(); m != nil && m.keepsSessions() {
		if !q.Rehearsed() {
			home.visit()
		}
		return m
	}
	return nil
}

// visit notes that a client has come whose session belongs to the backend.
// Most of the time that writes nothing.
func (b *Backend) visit() {
	if now := time.Now().Unix(); b.visited.Load() != now {
		b.visited.Store(now)
	}
}

// lastSession returns when a client came last whose session belongs to the
// backend; zero for never.
func (b *Backend) lastSession() time.Time {
	if at := b.visited.Load(); at > 0 {
		return time.Unix(at, 0)
	}
	return time.Time{}
}

// own returns the member that alone is to serve a request that waits; nil: any
// may. A request that was tried there in vain has no reason to wait for it, nor
// does it help to wait while the member is tried by one request at a time.
func (s *Snapshot) own(q *Request) *Member {
	m := s.home(q)
	if m == nil || q.Tried(m.Backend) {
		return nil
	}
	if m.gated {
		q.session.away = true
		return nil
	}
	return m
}

// Sticky reports whether clients are kept with their backends.
func (q *Request) Sticky() bool { return q.session.of != nil }

// Settle is called with the header of the final response, from m, before that
// is sent. It has the client stay with m: unless it does so already, or was only
// sent here because the backend of its session had no room, or unless good says
// that the response is no reason to stay.
func (q *Request) Settle(m *Member, h http.Header, good, trusted bool) {
	switch s := &q.session; {
	case s.of == nil:
	case s.away || s.home == m.Backend || !good:
		s.of.Continue(h)
	default:
		m.visit()
		s.of.Begin(q, m, h, trusted)
	}
}

// KeepsSessions reports whether the backend serves the clients that have been
// with it.
func (b *Backend) KeepsSessions() bool {
	m := b.member.Load()
	return m != nil && m.keepsSessions()
}

// keepsSessions reports whether the backend serves the clients that have been
// with it: it does so while it takes new ones, and while it drains.
func (m *Member) keepsSessions() bool { return m.Index >= 0 || m.drains }

// drains reports whether a backend that is not drained yet would be up if it did
// not drain.
func (c *condition) drains(now time.Time) bool {
	if c.admin != Drain || c.drained {
		return false
	}
	otherwise := *c
	otherwise.admin = Ready
	return otherwise.state(now) == stateUp
}

// Republish has requests see the pool anew, as something has changed that its
// definition refers to.
func (p *Pool) Republish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.publish(time.Now())
	}
}

// newSessions returns what keeps the clients of the pool, or nil. What there
// was stays while there is nothing new to it.
func (p *Pool) newSessions(prev *Snapshot) Sessions {
	if p.def.Sticky == nil {
		return nil
	}
	var before Sessions
	if prev != nil {
		before = prev.sessions
	}
	return p.def.Sticky.NewSessions(p.live, before)
}
