package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Sticky keeps a client with the backend that has served it before. The policy
// selects for clients that are new, or whose backend is down, ejected, in
// maintenance or removed. A draining backend goes on serving the clients that
// it has.
type Sticky struct {
	// What a client is known by: `cookie`, which the load balancer sets, or
	// `client_ip`, its IP address as Caddy knows it, which is remembered for
	// half an hour. Required.
	By string `json:"by"`

	// The name of the cookie. Default: `lb`, and for a pool that has a name,
	// `lb_` with a hash of that name, so that pools of one site do not take
	// each other's cookies.
	Name string `json:"name,omitempty"`

	// The secret that the values of cookies are made with; global placeholders
	// such as `{env.SECRET}` or `{file./run/secrets/lb}` are replaced. Default:
	// one made at random and kept in Caddy's storage, so that it is the same
	// after a restart and for all instances that share the storage.
	Secret string `json:"secret,omitempty"`

	// How long a client keeps the cookie from when it is set, in whole seconds.
	// Default: until the browser is closed.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// The path that the cookie is for. Default: `/`.
	Path string `json:"path,omitempty"`

	// The domain whose hosts the cookie is for. Default: the host of the
	// request alone.
	Domain string `json:"domain,omitempty"`

	// Whether the cookie is sent with requests from other sites: `lax` with
	// navigation only, `strict` never, `none` always. As browsers want
	// `none` to come with HTTPS, it is `lax` over HTTP. Default: `lax`.
	SameSite string `json:"same_site,omitempty"`
}

// Values of [Sticky.By].
const (
	StickyCookie   = "cookie"
	StickyClientIP = "client_ip"
)

// Values of [Sticky.SameSite].
const (
	SameSiteLax    = "lax"
	SameSiteStrict = "strict"
	SameSiteNone   = "none"
)

// CookieName returns the name of the cookie for the pool whose configured name
// is pool.
func (s *Sticky) CookieName(pool string) string {
	switch {
	case s.Name != "":
		return s.Name
	case pool == "":
		return "lb"
	}
	sum := sha256.Sum256([]byte(pool))
	return "lb_" + hex.EncodeToString(sum[:4])
}

func (s *Sticky) validate(policy json.RawMessage) error {
	if s == nil {
		return nil
	}
	var module struct {
		Policy string `json:"policy"`
	}
	if json.Unmarshal(policy, &module) == nil && module.Policy == "cookie" {
		return fmt.Errorf("sticky does not go together with the policy cookie, which keeps clients as well")
	}
	switch {
	case s.By == StickyCookie:
	case s.By != StickyClientIP:
		return fmt.Errorf("sticky %q is neither %q nor %q", s.By, StickyCookie, StickyClientIP)
	case *s != (Sticky{By: s.By}):
		return fmt.Errorf("sticky %s takes no options", s.By)
	default:
		return nil
	}
	switch s.SameSite {
	case "", SameSiteLax, SameSiteStrict, SameSiteNone:
	default:
		return fmt.Errorf("sticky: same_site %q is none of %q, %q, %q", s.SameSite, SameSiteLax, SameSiteStrict, SameSiteNone)
	}
	if age := time.Duration(s.MaxAge); age != 0 && age < time.Second {
		return fmt.Errorf("sticky: max_age %s must be at least 1s", age)
	}
	return s.validateCookie()
}

// validateCookie makes sure that nothing of the cookie can be taken for
// something else: RFC 6265, section 4.1.1.
func (s *Sticky) validateCookie() error {
	if s.Name != "" {
		if err := (&http.Cookie{Name: s.Name}).Valid(); err != nil {
			return fmt.Errorf("sticky: cookie name %q is not a token", s.Name)
		}
	}
	if s.Path != "" && (!strings.HasPrefix(s.Path, "/") || (&http.Cookie{Name: "lb", Path: s.Path}).Valid() != nil) {
		return fmt.Errorf("sticky: path %q does not begin with / or has characters that it must not have", s.Path)
	}
	if s.Domain != "" && (&http.Cookie{Name: "lb", Domain: s.Domain}).Valid() != nil {
		return fmt.Errorf("sticky: domain %q is not a domain", s.Domain)
	}
	if len(s.Name) >= len(hostPrefix) && strings.EqualFold(s.Name[:len(hostPrefix)], hostPrefix) &&
		(s.Domain != "" || s.Path != "" && s.Path != "/") {
		return fmt.Errorf("sticky: cookie name %q allows neither domain nor path", s.Name)
	}
	return nil
}

// hostPrefix begins the names of cookies that browsers accept only for the host
// that has set them, and only over HTTPS.
const hostPrefix = "__Host-"
