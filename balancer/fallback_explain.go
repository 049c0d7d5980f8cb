package balancer

import (
	"fmt"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// rehearsedEither is the rehearsal of a picker that has a fallback.
type rehearsedEither struct {
	either
	fallback pool.Rehearsal
}

// Rehearse implements pool.Rehearser. It is nil if the fallback, which may be of
// others, cannot be asked.
func (e *either) Rehearse() pool.Rehearsal {
	r, ok := e.fallback.(pool.Rehearser)
	if !ok {
		return nil
	}
	fallback := r.Rehearse()
	if fallback == nil {
		return nil
	}
	return &rehearsedEither{either{chooser: e.chooser, fallback: fallback}, fallback}
}

// Explain implements pool.Rehearsal.
func (e *rehearsedEither) Explain(q *pool.Request, chosen *pool.Member) pool.Account {
	if m, decided := e.chooser.choose(q); decided && m == chosen {
		return e.chooser.Explain(q, chosen)
	}
	account := e.fallback.Explain(q, chosen)
	account.Reason = fmt.Sprintf("%s, so the fallback picks: %s", e.chooser.lacks(), account.Reason)
	return account
}

// Interface guards
var (
	_ pool.Rehearser = (*either)(nil)
	_ pool.Rehearser = (*trackingEither)(nil)
	_ pool.Rehearsal = (*rehearsedEither)(nil)
)
