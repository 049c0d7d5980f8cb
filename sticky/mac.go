package sticky

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
)

// mac is what a cookie's value says in hexadecimal.
type mac [sha256.Size]byte

func (m *mac) prefix() uint64 { return binary.BigEndian.Uint64(m[:8]) }

// equal compares in a time that does not depend on what is equal.
func (m *mac) equal(o *mac) bool { return subtle.ConstantTimeCompare(m[:], o[:]) == 1 }

// decode reads lower-case hexadecimal, without allocating.
func (m *mac) decode(text string) bool {
	if len(text) != 2*len(m) {
		return false
	}
	for i := range m {
		high, low := unhex(text[2*i]), unhex(text[2*i+1])
		if high > 15 || low > 15 {
			return false
		}
		m[i] = high<<4 | low
	}
	return true
}

// unhex returns the value of a lower-case hexadecimal digit, or more than 15.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}

// signer makes macs.
type signer struct {
	keyed hash.Hash
	text  []byte // to be signed
}

func newSigner(secret []byte) *signer { return &signer{keyed: hmac.New(sha256.New, secret)} }

func (s *signer) sign(sum *mac) {
	s.keyed.Reset()
	_, _ = s.keyed.Write(s.text) // never fails
	s.keyed.Sum(sum[:0])
}
