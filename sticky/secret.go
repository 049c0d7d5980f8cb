package sticky

import (
	"crypto/rand"
	"errors"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
)

// secretSize is how many random bytes a secret that is made here has.
const secretSize = 32

// Secret is what the values of cookies are made with. It may change, when it
// turns out that others use another one.
type Secret struct{ value atomic.Pointer[[]byte] }

// NewSecret returns a Secret with a value.
func NewSecret(value []byte) *Secret {
	s := new(Secret)
	s.Set(value)
	return s
}

var errPlaceholder = errors.New("sticky: secret has a placeholder that is not known, or has no value")

// ConfiguredSecret returns the Secret of a configuration, in which global
// placeholders are replaced.
func ConfiguredSecret(text string) (*Secret, error) {
	value, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil || value == "" {
		return nil, errPlaceholder // err would tell of a secret that has braces
	}
	return NewSecret([]byte(value)), nil
}

// RandomSecret returns the value of a secret that nobody else has.
func RandomSecret() []byte {
	value := make([]byte, secretSize)
	_, _ = rand.Read(value) // never fails
	return value
}

// Bytes returns the value. It must not be changed.
func (s *Secret) Bytes() []byte { return *s.value.Load() }

// Set changes the value.
func (s *Secret) Set(value []byte) { s.value.Store(&value) }
