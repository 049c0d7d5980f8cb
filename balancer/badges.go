package balancer

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"math/bits"
	"sync/atomic"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// badges are what cookies say for a set of members. They outlast that some of
// these are not there.
type badges struct {
	backends []*pool.Backend
	list     []badge // of backends
	// index finds a badge by the first bytes of its mac, which say where its
	// number plus one is, or else in which of the places behind it.
	index []uint32
}

type badge struct {
	mac mac
	// lines are the Set-Cookie fields, without and with TLS, each made when it
	// is first needed
	lines [2]atomic.Pointer[string]
}

// newBadges makes the badges of members. Those that are among the known ones,
// which were made with the same secret, cost nothing.
func newBadges(secret string, members []*pool.Member, known *badges) *badges {
	b := &badges{
		backends: make([]*pool.Backend, len(members)), list: make([]badge, len(members)),
		index: make([]uint32, 2<<bits.Len(uint(len(members)))),
	}
	signer := newSigner(secret)
	next := 0 // one of the known that is expected to come next
	for i, m := range members {
		b.backends[i] = m.Backend
		if at, ok := known.at(m.Backend, next); ok {
			b.list[i].mac, next = known.list[at].mac, at+1
		} else {
			signer.sign(&b.list[i].mac, m)
		}
		place := b.place(&b.list[i].mac)
		for b.index[place] != 0 {
			place = b.behind(place)
		}
		b.index[place] = uint32(i) + 1
	}
	return b
}

// at looks for a backend at or soon behind the position where it is if few have
// left.
func (b *badges) at(backend *pool.Backend, expected int) (at int, ok bool) {
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

// find returns the member that a mac stands for, or nil; of two that have one
// address, the first.
//
// How long it takes to miss tells nothing of use: the table has the macs in an
// order of its own. The comparison is what must not tell how much is right.
func (b *badges) find(given *mac, seats []*pool.Member) *pool.Member {
	for place := b.place(given); b.index[place] != 0; place = b.behind(place) {
		number := b.index[place] - 1
		m, known := seats[number], &b.list[number].mac
		if m != nil && known.prefix() == given.prefix() && subtle.ConstantTimeCompare(given[:], known[:]) == 1 {
			return m
		}
	}
	return nil
}

func (b *badges) place(m *mac) uint64 { return m.prefix() & uint64(len(b.index)-1) }

func (b *badges) behind(place uint64) uint64 { return (place + 1) & uint64(len(b.index)-1) }

// mac is what a cookie's value says in hexadecimal.
type mac [sha256.Size]byte

func (m *mac) prefix() uint64 { return binary.BigEndian.Uint64(m[:8]) }

// decode reads lower-case hexadecimal, without allocating.
func (m *mac) decode(text string) bool {
	if len(text) != 2*len(m) {
		return false
	}
	for i := range m {
		high, low := text[2*i], text[2*i+1]
		if upper(high) || upper(low) || unhex(high) > 15 || unhex(low) > 15 {
			return false
		}
		m[i] = unhex(high)<<4 | unhex(low)
	}
	return true
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }

// signer makes macs.
type signer struct {
	keyed hash.Hash
	text  []byte
}

func newSigner(secret string) *signer {
	return &signer{keyed: hmac.New(sha256.New, []byte(secret))}
}

// sign makes the mac of a member's address: host and port, or the path of a
// unix socket in the form `unix//path`.
func (s *signer) sign(sum *mac, m *pool.Member) {
	address := m.Address()
	switch {
	case address.IsUnix():
		s.text = append(append(s.text[:0], "unix/"...), address.Host...)
	case address.Scheme == "" && address.Network == "":
		s.text = append(s.text[:0], m.AddressText()...) // spelled out already
	default:
		s.text = append(s.text[:0], address.HostPort()...)
	}
	s.keyed.Reset()
	_, _ = s.keyed.Write(s.text) // never fails
	s.keyed.Sum(sum[:0])
}
