package caddyfile

import (
	"cmp"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

var backendsTable = table{
	"to":             (*parser).to,
	"backend":        (*parser).backendBlock,
	"dynamic":        (*parser).dynamic,
	"pool":           textField(func(p *parser) *string { return &p.cfg.Pool }),
	"allow_backends": rangesField(func(p *parser) *[]string { return &p.cfg.AllowBackends }),
}

var backendTable = merge(probeTable, table{
	"id":           textField(func(p *parser) *string { return &p.backend.ID }),
	"weight":       (*parser).weight,
	"priority":     numberField(func(p *parser) *int { return &p.backend.Priority }),
	"max_requests": numberField(func(p *parser) *int { return &p.backend.MaxRequests }),
	"label":        (*parser).label,
})

// sourceNamespace is that of the modules which discover backends.
const sourceNamespace = "http.handlers.load_balance.sources"

// writtenBackend is a backend as it was written: its address does not tell
// http:// from no scheme at all.
type writtenBackend struct {
	text    string
	address config.Address
	at      caddyfile.Token
}

func (p *parser) to() error {
	list, err := p.args()
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := p.addBackends(s); err != nil {
			return err
		}
	}
	return nil
}

// addBackends adds the backends that an address stands for, with defaults.
func (p *parser) addBackends(s string) error {
	addrs, err := p.parseAddresses(s)
	for _, a := range addrs {
		if err := p.add(a, config.Backend{}, p.d.Token()); err != nil {
			return err
		}
	}
	return err
}

// add adds a backend, which at is the place of, or of its id.
func (p *parser) add(a config.Address, b config.Backend, at caddyfile.Token) error {
	id := cmp.Or(b.ID, a.DefaultID())
	if first, taken := p.ids[id]; taken {
		return errorAt(at, "backend %q: id %q is already taken (%s)", a, id, place(first))
	}
	p.ids[id] = at
	b.Address = a.String()
	p.cfg.Backends = append(p.cfg.Backends, b)
	return nil
}

// parseAddresses parses an address that may have a port range, and refuses
// addresses which the pool already has.
func (p *parser) parseAddresses(s string) ([]config.Address, error) {
	addrs, err := config.ParseAddresses(s)
	if err != nil {
		return nil, p.d.WrapErr(err)
	}
	for _, a := range addrs {
		if first, twice := p.addresses[a]; twice {
			return nil, p.d.Errf("backend %q is already given (%s); a weight gives it more requests", a, place(first))
		}
		p.addresses[a] = p.d.Token()
		p.written = append(p.written, writtenBackend{s, a, p.d.Token()})
	}
	return addrs, nil
}

func (p *parser) backendBlock() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	at := p.d.Token()
	addrs, err := p.parseAddresses(s)
	if err != nil {
		return err
	}
	p.backend = &config.Backend{Address: addrs[0].String()}
	defer func() { p.backend = nil }()
	set, err := p.nested(backendTable)
	if err != nil {
		return err
	}
	if id, ok := set["id"]; ok {
		at = id
	}
	if p.backend.ID != "" && len(addrs) > 1 {
		return errorAt(at, "id %q: the port range %q stands for %d backends", p.backend.ID, s, len(addrs))
	}
	if p.backend.Health != nil {
		p.probes = append(p.probes, probeScope{p.backend.Health, set})
	}
	for _, a := range addrs {
		if err := p.add(a, *p.backend, at); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) weight() (err error) {
	// zero would mean the default; a backend without requests is one in drain
	p.backend.Weight, err = p.number(1)
	return err
}

func (p *parser) label() error {
	key, err := p.arg()
	if err != nil {
		return err
	}
	value, err := p.arg()
	if err != nil {
		return err
	}
	if _, twice := p.backend.Labels[key]; twice {
		return p.d.Errf("label: key %q is already set", key)
	}
	if p.backend.Labels == nil {
		p.backend.Labels = make(map[string]string)
	}
	p.backend.Labels[key] = value
	return nil
}

func (p *parser) dynamic() (err error) {
	p.cfg.DynamicRaw, err = p.module(sourceNamespace, "source")
	return err
}

// rangesField makes the table entry of a list of IP ranges, in which
// private_ranges stands for all that are not routed on the Internet.
func rangesField(field func(*parser) *[]string) func(*parser) error {
	return func(p *parser) error {
		list, err := p.args()
		for _, s := range list {
			if s == "private_ranges" {
				*field(p) = append(*field(p), caddyhttp.PrivateRangesCIDR()...)
				continue
			}
			*field(p) = append(*field(p), s)
		}
		return err
	}
}
