package persist

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

const (
	// heartbeat is how often an instance tells that it is alive while others
	// are there, and quietHeartbeat while there are none.
	heartbeat      = 10 * time.Second
	quietHeartbeat = time.Minute

	// An instance that has missed so many heartbeats is gone. That goes by the
	// clock of whoever waits for them, as clocks differ.
	missed = 3

	// maxSign bounds the document of an instance, and maxHost a name in it.
	maxSign = 1 << 20
	maxHost = 253

	// maxMembers bounds how many instances are looked at.
	maxMembers = 100
)

// memberList is the document that says which instances there are. It is
// changed under a lock, when one joins, leaves or is gone.
type memberList struct {
	Version int      `json:"version"`
	Members []string `json:"members"` // their ids
}

// sign is the document in which an instance tells of itself. Nobody else writes
// it.
type sign struct {
	Version int               `json:"version"`
	ID      string            `json:"id"`
	Host    string            `json:"host"`
	PID     int               `json:"pid"`
	Started time.Time         `json:"started"`
	Seen    time.Time         `json:"seen"`
	Every   float64           `json:"every"` // seconds between looks at others' signs
	Pools   map[string]uint64 `json:"pools"` // the number of the document in force
}

// peer is another instance, as it is known here.
type peer struct {
	sign
	changed time.Time // when its sign was found changed, or first; by the clock here
	fresh   bool      // it was found changed
}

// peers are the instances on the storage.
type peers struct {
	store *Store

	mu        sync.Mutex
	others    map[string]*peer
	pending   *hungError // of a round that the storage has not answered
	err       error      // of the last round
	published map[string]uint64
	at        time.Time // of the last publication
	joined    bool
}

func newPeers(s *Store) *peers { return &peers{store: s, others: make(map[string]*peer)} }

// shared reports whether others are on the storage.
func (s *Store) shared() bool {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	return len(s.peers.others) > 0
}

// round tells the others of this instance, and looks at what they tell.
func (p *peers) round(ctx context.Context, pools []*pool.Pool) {
	if p.hangs() {
		return
	}
	numbers := make(map[string]uint64, len(pools))
	for _, pool := range pools {
		numbers[pool.Name()] = pool.Stored()
	}
	err := bounded(ctx, "telling other instances", opTimeout, func(ctx context.Context) error {
		if err := p.publish(ctx, numbers); err != nil {
			return err
		}
		return p.look(ctx)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending, p.err = hung(err), err
}

// hangs reports whether the storage has not answered what it was asked before.
func (p *peers) hangs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == nil {
		return false
	}
	select {
	case <-p.pending.returned:
		p.pending = nil
		return false
	default:
		return true
	}
}

// publish writes the sign of this instance if it is due.
func (p *peers) publish(ctx context.Context, numbers map[string]uint64) error {
	p.mu.Lock()
	pace := quietHeartbeat
	if len(p.others) > 0 {
		pace = heartbeat
	}
	due := time.Since(p.at) >= pace || !maps.Equal(numbers, p.published)
	p.mu.Unlock()
	if !due {
		return nil
	}
	self := p.store.Instance
	now := time.Now()
	data, err := json.Marshal(sign{1, self.ID, self.Host, self.PID, self.Started.UTC(), now.UTC(), p.store.Interval.Seconds(), numbers})
	if err != nil {
		return err
	}
	if err := p.store.Storage.Store(ctx, instanceKey(self.ID), data); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published, p.at = numbers, now
	return nil
}

// look reads who is there, and what they tell; it joins them if this instance
// is not among them, and strikes out those who are gone.
func (p *peers) look(ctx context.Context) error {
	self := p.store.Instance.ID
	ids, err := p.members(ctx)
	if err != nil {
		return err
	}
	joined := slices.Contains(ids, self)
	var gone []string
	others := make(map[string]*peer)
	for _, id := range ids[:min(len(ids), maxMembers)] {
		if id == self {
			continue
		}
		peer, err := p.lookAt(ctx, id)
		switch {
		case err != nil:
			return err
		case peer.gone(time.Now()):
			gone = append(gone, id)
		default:
			others[id] = peer
		}
	}
	p.mu.Lock()
	if !joined || len(p.others) == 0 && len(others) > 0 {
		p.at = time.Time{} // they are to know soon
	}
	known := p.others
	p.others, p.joined = others, joined
	p.mu.Unlock()
	p.announce(known, others)
	if joined && len(gone) == 0 {
		return nil
	}
	return p.amend(ctx, func(ids []string) []string {
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == self || slices.Contains(gone, id) })
		return append(ids, self)
	}, gone)
}

// lookAt returns what is known of an instance.
func (p *peers) lookAt(ctx context.Context, id string) (*peer, error) {
	p.mu.Lock()
	was := p.others[id]
	p.mu.Unlock()
	data, err := p.store.Storage.Load(ctx, instanceKey(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	is := &peer{changed: time.Now()}
	if err != nil || len(data) > maxSign || json.Unmarshal(data, &is.sign) != nil || is.ID != id || len(is.Host) > maxHost {
		is.sign = sign{ID: id} // it may be about to write
	}
	if was != nil && was.Seen.Equal(is.Seen) {
		return was, nil
	}
	is.fresh = was != nil
	return is, nil
}

// gone reports whether the instance has given no sign of life for too long. One
// that is seen for the first time knows of this one as soon as it looks, and
// gives a sign then; but not if its last one is old by any clock.
func (p *peer) gone(now time.Time) bool {
	every := min(time.Duration(p.Every*float64(time.Second)), 24*time.Hour)
	if !p.fresh && !p.Seen.IsZero() && now.Sub(p.Seen) >= 2*max(quietHeartbeat, every) {
		return true
	}
	return now.Sub(p.changed) >= missed*max(heartbeat, every)
}

// announce says in the log who has come and who has gone.
func (p *peers) announce(were, are map[string]*peer) {
	for id, other := range are {
		if p.store.Instance.meet(id, true) {
			p.store.Logger.Info("another instance shares the storage", zap.String("instance", id), zap.String("host", other.Host))
		}
	}
	for id, other := range were {
		if are[id] == nil && p.store.Instance.meet(id, false) {
			p.store.Logger.Info("another instance has gone", zap.String("instance", id), zap.String("host", other.Host))
		}
	}
}
