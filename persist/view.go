package persist

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// View implements pool.StoreViewer.
func (s *Store) View(name string, number uint64) pool.StoreView {
	v := pool.StoreView{Number: number}
	d := s.document(name)
	d.mu.Lock()
	v.LastSync = d.reads.ok
	d.mu.Unlock()
	v.Err = shown(cmp.Or(d.failure(), s.peers.failure()))
	v.Instances = s.peers.view(name, number)
	return v
}

// Await implements pool.StoreViewer.
func (s *Store) Await(ctx context.Context, name string, number func() uint64) {
	for {
		next := s.sync.next()
		v := s.View(name, number())
		if !slices.ContainsFunc(v.Instances, func(i pool.InstanceView) bool { return !i.Current }) {
			return
		}
		s.sync.kick()
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
	}
}

// view returns the instances that have the pool, this one first.
func (p *peers) view(name string, number uint64) []pool.InstanceView {
	self := p.store.Instance
	list := []pool.InstanceView{{
		ID: self.ID, Host: self.Host, PID: self.PID, Started: self.Started,
		Number: number, Seen: time.Now(), Current: true, Self: true,
	}}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.others {
		theirs, has := other.Pools[name]
		if !has {
			continue
		}
		list = append(list, pool.InstanceView{
			ID: other.ID, Host: other.Host, PID: other.PID, Started: other.Started,
			Number: theirs, Seen: other.seen(), Current: theirs >= number,
		})
	}
	slices.SortFunc(list[1:], func(a, b pool.InstanceView) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// seen returns when the instance gave its last sign of life.
func (p *peer) seen() time.Time {
	if p.fresh {
		return p.changed
	}
	return p.Seen
}

func (p *peers) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
