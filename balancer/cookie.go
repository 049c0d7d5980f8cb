package balancer

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func init() { caddy.RegisterModule(Cookie{}) }

// Cookie keeps a client with one backend by a cookie. A request without it is
// left to the fallback policy, and the response sets the cookie for what that
// picked; so is a request whose cookie is unknown, or whose backend does not
// accept, is full, or has been tried.
//
// The cookie's value is the HMAC-SHA256 of the backend's address under the
// secret, in hexadecimal: the same that `reverse_proxy` sets for an upstream
// with that address, so sessions outlast a change from one to the other. The
// cookie is for all paths, `HttpOnly` and `SameSite=Lax`; over HTTPS, whether
// to this server or, by its `X-Forwarded-Proto`, to a trusted proxy in front of
// it, it is `Secure` and `SameSite=None`.
//
// Caddyfile:
//
//	lb_policy cookie [<name> [<secret>]] {
//		fallback <policy>
//		max_age <duration>
//	}
//
// JSON:
//
//	{"policy": "cookie", "name": "lb", "secret": "…", "max_age": "1h"}
type Cookie struct {
	// The name of the cookie. Default: `lb`.
	Name string `json:"name,omitempty"`

	// The secret without which cookies cannot be made. Default: empty, so
	// that whoever knows a backend's address can make its cookie.
	Secret string `json:"secret,omitempty"`

	// How long the client keeps the cookie, in whole seconds. Default: until
	// the browser is closed.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	Fallback
}

// CaddyModule returns the Caddy module information.
func (Cookie) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + "cookie",
		New: func() caddy.Module { return new(Cookie) },
	}
}

// UnmarshalCaddyfile parses
// `cookie [<name> [<secret>]] { fallback <policy>; max_age <duration> }`.
func (p *Cookie) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the policy's name
	d.Args(&p.Name, &p.Secret)
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		var err error
		switch d.Val() {
		case "fallback":
			err = p.unmarshal(d)
		case "max_age":
			err = p.unmarshalMaxAge(d)
		default:
			err = d.Errf("unrecognized option %q", d.Val())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Cookie) unmarshalMaxAge(d *caddyfile.Dispenser) error {
	if p.MaxAge != 0 {
		return d.Err("max_age is specified twice")
	}
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	age, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("max_age %q: %v", text, err)
	}
	if age < time.Second {
		return d.Errf("max_age %q: must be at least 1s", text)
	}
	p.MaxAge = caddy.Duration(age)
	return nil
}

// Provision sets the default and loads the fallback policy.
func (p *Cookie) Provision(ctx caddy.Context) error {
	if p.Name == "" {
		p.Name = "lb"
	}
	return p.provision(ctx)
}

// Validate checks name and age.
func (p *Cookie) Validate() error {
	if err := (&http.Cookie{Name: p.Name}).Valid(); err != nil {
		return fmt.Errorf("cookie name %q: %w", p.Name, err)
	}
	if age := time.Duration(p.MaxAge); age != 0 && age < time.Second {
		return fmt.Errorf("max_age %s: must be at least 1s", age)
	}
	return nil
}

// NewPicker implements pool.Policy.
func (p *Cookie) NewPicker(members []*pool.Member, prev pool.Picker) pool.Picker {
	return p.newPicker(members, prev, func(before chooser) chooser {
		known, _ := before.(*cookieChooser)
		return newCookieChooser(p, members, known)
	})
}

// line returns the Set-Cookie field with a value, for a client that uses TLS or
// not.
func (p *Cookie) line(value string, secure bool) string {
	c := &http.Cookie{
		Name: p.Name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(time.Duration(p.MaxAge) / time.Second),
	}
	if secure {
		c.Secure, c.SameSite = true, http.SameSiteNoneMode
	}
	return c.String()
}

// sameCookies reports whether other makes the same cookies of the same values.
func (p *Cookie) sameCookies(other *Cookie) bool {
	return p.Name == other.Name && p.MaxAge == other.MaxAge
}

// Interface guards
var (
	_ Policy                = (*Cookie)(nil)
	_ caddy.Provisioner     = (*Cookie)(nil)
	_ caddy.Validator       = (*Cookie)(nil)
	_ caddyfile.Unmarshaler = (*Cookie)(nil)
)
