package discovery

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// options reads the options of a module, of which each may come once.
type options struct {
	d     *caddyfile.Dispenser
	set   map[string]func() error // reads the arguments of an option
	texts map[string]*string      // fields of options that are plain text
	args  []string                // options that the module's arguments stand for
	check func() error            // what provisioning would refuse
}

func newOptions(d *caddyfile.Dispenser) *options {
	return &options{d: d, set: make(map[string]func() error), texts: make(map[string]*string)}
}

// arguments declares options that may be given, in this order, behind the name
// of the module; all of them are text.
func (o *options) arguments(names ...string) { o.args = names }

// text declares an option of one word, and returns its name.
func (o *options) text(name string, field *string) string {
	o.texts[name] = field
	o.set[name] = func() error {
		if !o.d.AllArgs(field) {
			return o.d.ArgErr()
		}
		return nil
	}
	return name
}

func (o *options) duration(name string, field *caddy.Duration) {
	o.set[name] = func() error {
		var text string
		if !o.d.AllArgs(&text) {
			return o.d.ArgErr()
		}
		value, err := caddy.ParseDuration(text)
		if err != nil {
			return o.d.Errf("%s: bad duration %q: %v", name, text, err)
		}
		*field = caddy.Duration(value)
		return nil
	}
}

func (o *options) resolvers(field **config.Resolver) {
	o.set["resolvers"] = func() error {
		list := o.d.RemainingArgs()
		if len(list) == 0 {
			return o.d.ArgErr()
		}
		*field = &config.Resolver{Addresses: list}
		return nil
	}
}

// read reads the module's segment of the Caddyfile.
func (o *options) read() error {
	d := o.d
	d.Next() // the name of the module
	module, at := d.Val(), d.Token()
	args := d.RemainingArgs()
	if len(args) > len(o.args) {
		return d.ArgErr()
	}
	seen := make(map[string]bool)
	for i, arg := range args {
		*o.texts[o.args[i]] = arg
		seen[o.args[i]] = true
	}
	for d.NextBlock(0) {
		name := d.Val()
		set, known := o.set[name]
		if !known {
			return d.Errf("unrecognized %s option %q", module, name)
		}
		if seen[name] {
			return d.Errf("%s option %q is already set", module, name)
		}
		seen[name] = true
		if err := set(); err != nil {
			return err
		}
	}
	return o.judge(at)
}

// judge returns what is wrong with the options as a whole, with the place of
// the module. What placeholders stand for is known only where the config runs.
func (o *options) judge(at caddyfile.Token) error {
	for _, text := range o.texts {
		if strings.Contains(*text, "{") {
			return nil
		}
	}
	if err := o.check(); err != nil {
		d := caddyfile.NewDispenser([]caddyfile.Token{at})
		d.Next()
		return d.Errf("%s: %w", at.Text, err)
	}
	return nil
}
