package pool

import (
	"strings"
	"time"
)

// leaving is what becomes of the tunnels to a backend that is taken out.
type leaving struct {
	stay  bool      // they last for as long as both of their ends want
	until time.Time // they may go on until then
}

// leaves takes note of how a backend that was as the spec says is taken out.
//
// Who takes it out at runtime, or in the config, wants to have its tunnels end.
// Discovery may miss a server for a moment, or list only some of them at a
// time, which is no reason to end what works. And what follows a drain may be
// carried out first by an instance that has nothing left to wait for: the
// others have until the deadline.
func (b *Backend) leaves(spec *Spec, by string) {
	b.leaving = leaving{stay: by == ByDiscovery}
	if strings.HasSuffix(by, atPeer) && spec.Drain.Then == ThenRemove {
		b.leaving.until = spec.Drain.Deadline
		b.leaving.stay = spec.Drain.Deadline.IsZero()
	}
}

// left ends the tunnels of a backend that was taken out and does not return.
func (b *Backend) left() {
	if !b.leaving.stay {
		b.endTunnels(b.leaving.until, b.leaving.until.IsZero())
	}
}
