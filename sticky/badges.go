package sticky

import (
	"encoding/hex"
	"math/bits"
	"sync/atomic"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Badges are what cookies say for a set of backends. They outlast that some of
// these are not there.
type Badges struct {
	backends []*pool.Backend
	list     []badge // of backends
	// index finds a badge by the first bytes of its mac, which say where its
	// number plus one is, or else in which of the places behind it.
	index []uint32
}

type badge struct {
	mac mac
	// lines are the Set-Cookie fields, without and with Secure, each made when
	// it is first needed
	lines [2]atomic.Pointer[string]
}

// NewBadges makes the badges of backends, whose values are made of text, which
// appends it to a buffer. Those of backends that are among the known ones,
// which were made of the same with the same secret, cost nothing.
func NewBadges(
	secret []byte, text func([]byte, *pool.Backend) []byte, backends []*pool.Backend, known *Badges,
) *Badges {
	b := &Badges{
		backends: backends, list: make([]badge, len(backends)),
		index: make([]uint32, 2<<bits.Len(uint(len(backends)))),
	}
	signer := newSigner(secret)
	next := 0 // one of the known that is expected to come next
	for i, backend := range backends {
		if at, ok := known.at(backend, next); ok {
			b.list[i].mac, next = known.list[at].mac, at+1
		} else {
			signer.text = text(signer.text[:0], backend)
			signer.sign(&b.list[i].mac)
		}
		place := b.place(&b.list[i].mac)
		for b.index[place] != 0 {
			place = b.behind(place)
		}
		b.index[place] = uint32(i) + 1
	}
	return b
}

// Backends returns the backends, by number. They must not be changed.
func (b *Badges) Backends() []*pool.Backend { return b.backends }

// at looks for a backend at or soon behind the position where it is if few have
// left.
func (b *Badges) at(backend *pool.Backend, expected int) (at int, ok bool) {
	const reach = 64
	if b == nil {
		return 0, false
	}
	for at := expected; at < min(expected+reach, len(b.backends)); at++ {
		if b.backends[at] == backend {
			return at, true
		}
	}
	return 0, false
}

// Find returns the number of the backend that a cookie's value stands for, as
// far as it is usable; of two with the same value, the first.
//
// How long it takes to miss tells nothing of use: the table has the macs in an
// order of its own. The comparison is what must not tell how much is right.
func (b *Badges) Find(value string, usable func(number int) bool) (number int, ok bool) {
	var given mac
	if !given.decode(unquote(value)) {
		return 0, false
	}
	for place := b.place(&given); b.index[place] != 0; place = b.behind(place) {
		number := int(b.index[place] - 1)
		if known := &b.list[number].mac; known.prefix() == given.prefix() && known.equal(&given) && usable(number) {
			return number, true
		}
	}
	return 0, false
}

// Value returns the value of the cookie that stands for a backend.
func (b *Badges) Value(number int) string { return hex.EncodeToString(b.list[number].mac[:]) }

// Line returns the Set-Cookie field that names a backend, for clients that use
// HTTPS or not. It is the one that was made first.
func (b *Badges) Line(number int, secure bool, from func(value string, secure bool) string) string {
	made := &b.list[number].lines[0]
	if secure {
		made = &b.list[number].lines[1]
	}
	if line := made.Load(); line != nil {
		return *line
	}
	line := from(b.Value(number), secure)
	made.Store(&line)
	return line
}

func (b *Badges) place(m *mac) uint64 { return m.prefix() & uint64(len(b.index)-1) }

func (b *Badges) behind(place uint64) uint64 { return (place + 1) & uint64(len(b.index)-1) }

func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
