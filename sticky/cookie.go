package sticky

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// Cookie keeps clients by a cookie whose value is the HMAC-SHA256 of the id of
// their backend under a secret, in hexadecimal. It says nothing to those who do
// not have the secret, and cannot be made by them.
type Cookie struct {
	like    http.Cookie // without a value, as sent over HTTP
	secure  http.SameSite
	secret  *Secret
	pattern string // both lines with an empty value
}

// NewCookie returns what keeps clients as configured, for a pool with that
// configured name. The secret is the configured one or else stored.
func NewCookie(cfg *config.Sticky, poolName string, secret *Secret) *Cookie {
	c := &Cookie{secret: secret, secure: http.SameSiteLaxMode, like: http.Cookie{
		Name: cfg.CookieName(poolName), Path: cfg.Path, Domain: cfg.Domain,
		MaxAge: int(time.Duration(cfg.MaxAge) / time.Second), HttpOnly: true,
	}}
	if c.like.Path == "" {
		c.like.Path = "/"
	}
	switch cfg.SameSite {
	case config.SameSiteStrict:
		c.secure = http.SameSiteStrictMode
	case config.SameSiteNone:
		c.secure = http.SameSiteNoneMode
	}
	c.like.SameSite = c.secure
	if c.secure == http.SameSiteNoneMode {
		c.like.SameSite = http.SameSiteLaxMode // browsers refuse None without Secure
	}
	c.pattern = c.line("", false) + "\n" + c.line("", true)
	return c
}

// Name returns the cookie's name.
func (c *Cookie) Name() string { return c.like.Name }

// NewSessions implements pool.Sticky.
func (c *Cookie) NewSessions(backends []*pool.Backend, prev pool.Sessions) pool.Sessions {
	s := &cookieSessions{cookie: c, secret: c.secret.Bytes()}
	var known *Badges
	if before, ok := prev.(*cookieSessions); ok && bytes.Equal(before.secret, s.secret) {
		known = before.badges
		if before.cookie.pattern == c.pattern && slices.Equal(known.backends, backends) {
			return before
		}
	}
	s.badges = NewBadges(s.secret, appendID, backends, known)
	return s
}

func appendID(b []byte, backend *pool.Backend) []byte { return append(b, backend.ID()...) }

// line returns the Set-Cookie field with a value.
func (c *Cookie) line(value string, secure bool) string {
	set := c.like
	set.Value = value
	if secure {
		set.Secure, set.SameSite = true, c.secure
	}
	return set.String()
}

// cookieSessions are sessions by cookie with a set of backends.
type cookieSessions struct {
	cookie *Cookie
	secret []byte
	badges *Badges
}

// Home implements pool.Sessions. Of several cookies the first one counts that
// names a backend which serves its sessions.
func (s *cookieSessions) Home(q *pool.Request) *pool.Backend {
	if q.HTTP == nil {
		return nil
	}
	for value := range Values(q.HTTP.Header, s.cookie.like.Name) {
		if n, ok := s.badges.Find(value, s.serves); ok {
			return s.badges.backends[n]
		}
	}
	return nil
}

func (s *cookieSessions) serves(number int) bool { return s.badges.backends[number].KeepsSessions() }

// Begin implements pool.Sessions.
func (s *cookieSessions) Begin(q *pool.Request, m *pool.Member, h http.Header, trusted bool) {
	Drop(h, s.cookie.like.Name)
	number := m.Number()
	if number >= len(s.badges.backends) || s.badges.backends[number] != m.Backend {
		number = slices.Index(s.badges.backends, m.Backend) // seen by another snapshot
	}
	if number < 0 || q.HTTP == nil {
		return // removed while it answered
	}
	Add(h, s.badges.Line(number, ClientUsesTLS(q.HTTP, trusted), s.cookie.line))
}

// Continue implements pool.Sessions. The name is taken: a backend that sets a
// cookie of that name would take the client's session away.
func (s *cookieSessions) Continue(h http.Header) { Drop(h, s.cookie.like.Name) }

// Interface guards
var (
	_ pool.Sticky   = (*Cookie)(nil)
	_ pool.Sessions = (*cookieSessions)(nil)
)
