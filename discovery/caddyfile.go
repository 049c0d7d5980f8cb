package discovery

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile reads the source from a Caddyfile:
//
//	a [<name> [<port>]] {
//		name                <name>
//		port                <port>
//		refresh             <interval>
//		resolvers           <addresses...>
//		dial_timeout        <duration>
//		dial_fallback_delay <duration>
//		versions            ipv4|ipv6
//	}
func (a *A) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	o := newOptions(d)
	o.arguments(o.text("name", &a.Name), o.text("port", &a.Port))
	o.duration("refresh", &a.Refresh)
	o.resolvers(&a.Resolver)
	o.duration("dial_timeout", &a.DialTimeout)
	o.duration("dial_fallback_delay", &a.FallbackDelay)
	o.set["versions"] = func() error { return readVersions(d, &a.Versions) }
	o.check = func() error { trial := *a; return trial.Provision(caddy.Context{}) }
	return o.read()
}

func readVersions(d *caddyfile.Dispenser, versions **IPVersions) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	v, yes := new(IPVersions), true
	for _, arg := range args {
		switch arg {
		case "ipv4":
			v.IPv4 = &yes
		case "ipv6":
			v.IPv6 = &yes
		default:
			return d.Errf("unsupported version %q: there are ipv4, ipv6", arg)
		}
	}
	*versions = v
	return nil
}

// UnmarshalCaddyfile reads the source from a Caddyfile:
//
//	srv [<name>] {
//		service             <service>
//		proto               <proto>
//		name                <name>
//		refresh             <interval>
//		grace_period        <duration>
//		resolvers           <addresses...>
//		dial_timeout        <duration>
//		dial_fallback_delay <duration>
//	}
func (s *SRV) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	o := newOptions(d)
	o.arguments(o.text("name", &s.Name))
	o.text("service", &s.Service)
	o.text("proto", &s.Proto)
	o.duration("refresh", &s.Refresh)
	o.duration("grace_period", &s.GracePeriod)
	o.resolvers(&s.Resolver)
	o.duration("dial_timeout", &s.DialTimeout)
	o.duration("dial_fallback_delay", &s.FallbackDelay)
	o.check = func() error { trial := *s; return trial.Provision(caddy.Context{}) }
	return o.read()
}

// UnmarshalCaddyfile reads the source from a Caddyfile:
//
//	multi {
//		<source> [<options...>]
//	}
func (m *Multi) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name of the module
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		name := d.Val()
		if _, err := caddy.GetModule(namespace + "." + name); err != nil {
			return d.Errf("unknown source %q", name)
		}
		unm, err := caddyfile.UnmarshalModule(d, namespace+"."+name)
		if err != nil {
			return err
		}
		if _, ok := unm.(Source); !ok {
			return d.Errf("source %q (%T) is not a discovery.Source", name, unm)
		}
		m.SourcesRaw = append(m.SourcesRaw, caddyconfig.JSONModuleObject(unm, "source", name, nil))
	}
	if len(m.SourcesRaw) == 0 {
		return d.Err("multi has no sources")
	}
	return nil
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*A)(nil)
	_ caddyfile.Unmarshaler = (*SRV)(nil)
	_ caddyfile.Unmarshaler = (*Multi)(nil)
)
