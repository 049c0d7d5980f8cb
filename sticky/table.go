package sticky

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// maxClients is how many clients a table remembers. The one that has been
	// away longest is forgotten for a new one.
	maxClients = 1 << 17

	// maxAway is for how long a client is remembered after its last request.
	maxAway = 30 * time.Minute

	shards          = 1 << 6
	clientsPerShard = maxClients / shards
)

// table remembers which backend each client has been with. It is made of
// shards, each with a lock of its own, that grow to a limit as they are needed.
type table struct {
	seed   uint64 // so that nobody can choose addresses that share a shard
	shards [shards]shard
}

func newTable() *table { return &table{seed: rand.Uint64()} }

func (t *table) shard(client uint64) *shard {
	// the finalizer of SplitMix64 (Steele, Lea and Flood, 2014)
	z := client ^ t.seed
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return &t.shards[(z^z>>31)%shards]
}

// get returns the backend of a client, which is here now.
func (t *table) get(client uint64, now time.Time) (backend uint64, ok bool) {
	s := t.shard(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[client]
	if !ok || s.list[i].away(now) {
		return 0, false
	}
	s.list[i].seen = now.Unix()
	s.renew(i)
	return s.list[i].backend, true
}

// peek returns the backend of a client, which is only talked about.
func (t *table) peek(client uint64, now time.Time) (backend uint64, ok bool) {
	s := t.shard(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[client]
	if !ok || s.list[i].away(now) {
		return 0, false
	}
	return s.list[i].backend, true
}

// set remembers the backend of a client, which is here now.
func (t *table) set(client, backend uint64, now time.Time) {
	s := t.shard(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[client]
	if !ok {
		i = s.place(now)
		s.index[client] = i
	}
	e := &s.list[i]
	e.client, e.backend, e.seen = client, backend, now.Unix()
	s.renew(i)
}

// len returns how many clients are in the table.
func (t *table) len() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += len(s.index)
		s.mu.Unlock()
	}
	return n
}

// shard is a part of a table: entries, and the order in which their clients
// were here last, as a ring in which the newest is behind the oldest.
type shard struct {
	mu     sync.Mutex
	index  map[uint64]int32 // in list, by client
	list   []entry
	newest int32
	_      [64]byte // locks of different shards share no cache line
}

type entry struct {
	client, backend uint64
	seen            int64 // seconds
	newer, older    int32
}

func (e *entry) away(now time.Time) bool { return now.Unix()-e.seen > int64(maxAway/time.Second) }

// place returns a place for a new client: that of the one that was here longest
// ago if it is gone, or if there is no room for more.
func (s *shard) place(now time.Time) int32 {
	if s.index == nil {
		s.index = make(map[uint64]int32)
	}
	if n := int32(len(s.list)); n > 0 {
		oldest := s.list[s.newest].newer
		if e := &s.list[oldest]; n == clientsPerShard || e.away(now) {
			delete(s.index, e.client)
			return oldest
		}
		s.list = append(s.list, entry{older: s.newest, newer: oldest})
		s.list[s.newest].newer, s.list[oldest].older, s.newest = n, n, n
		return n
	}
	s.list = append(s.list, entry{})
	return 0
}

// renew makes an entry the newest.
func (s *shard) renew(i int32) {
	if i == s.newest {
		return
	}
	list := s.list
	e := &list[i]
	list[e.older].newer, list[e.newer].older = e.newer, e.older
	oldest := list[s.newest].newer
	e.older, e.newer = s.newest, oldest
	list[s.newest].newer, list[oldest].older = i, i
	s.newest = i
}
