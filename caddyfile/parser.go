package caddyfile

import (
	"maps"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// table maps the names of subdirectives to what reads their arguments. The
// name is the dispenser's current token when the function is called; all
// arguments that it leaves on the line are an error.
type table map[string]func(*parser) error

// parser holds what is known of one directive while it is being read.
type parser struct {
	d   *caddyfile.Dispenser
	cfg *config.Handler

	// start is the directive's name, the place of errors that concern the
	// directive as a whole.
	start caddyfile.Token

	// seen has the subdirectives of the block that is being read, with the
	// place of the first of each name.
	seen map[string]caddyfile.Token

	// name is the subdirective that is being read, for error messages.
	name string

	// backend is the one whose block is being read; otherwise nil.
	backend *config.Backend

	addresses map[config.Address]caddyfile.Token
	ids       map[string]caddyfile.Token
	written   []writtenBackend
	probes    []probeScope    // the backends that have health settings
	host      caddyfile.Token // of the latest header_up for Host
}

func newParser(d *caddyfile.Dispenser) *parser {
	return &parser{
		d:         d,
		cfg:       new(config.Handler),
		start:     d.Token(),
		seen:      make(map[string]caddyfile.Token),
		addresses: make(map[config.Address]caddyfile.Token),
		ids:       make(map[string]caddyfile.Token),
	}
}

// block reads the subdirectives of a block, if one opens on the current line.
func (p *parser) block(known table) error {
	for nesting := p.d.Nesting(); p.d.NextBlock(nesting); {
		if err := p.subdirective(known); err != nil {
			return err
		}
	}
	return nil
}

// nested is like block, for a block within the directive's own. It returns the
// subdirectives that the block has.
func (p *parser) nested(known table) (map[string]caddyfile.Token, error) {
	outer := p.seen
	p.seen = make(map[string]caddyfile.Token)
	defer func() { p.seen = outer }()
	err := p.block(known)
	return p.seen, err
}

func (p *parser) subdirective(known table) error {
	name := p.d.Val()
	read, ok := known[name]
	if !ok {
		return p.unknown(name)
	}
	if first, twice := p.seen[name]; !twice {
		p.seen[name] = p.d.Token()
	} else if !repeatable[name] {
		return p.d.Errf("%s is already set (%s)", name, place(first))
	}
	for _, other := range exclusive[name] {
		if at, set := p.seen[other]; set {
			return p.d.Errf("%s does not go together with %s (%s)", name, other, place(at))
		}
	}
	p.name = name
	if err := read(p); err != nil {
		return p.located(err)
	}
	if err := p.lineEnds(name); err != nil {
		return err
	}
	return p.located(p.check())
}

// lineEnds returns an error if arguments are left, or a block that nobody read.
func (p *parser) lineEnds(name string) error {
	if p.d.NextArg() {
		return p.d.Errf("%s: unexpected argument %q", name, p.d.Val())
	}
	// an empty block is skipped as a whole, which shows by the token alone
	before := p.d.Val()
	if p.d.NextBlock(p.d.Nesting()) || p.d.Val() != before {
		return p.d.Errf("%s does not take a block", name)
	}
	return nil
}

// check validates what has been read so far but for the list of backends, so
// that the error is known while its cause is the current line.
func (p *parser) check() error {
	cfg := *p.cfg
	cfg.Backends = nil
	if p.backend != nil {
		cfg.Backends = []config.Backend{*p.backend}
	}
	if cfg.Pool == "" {
		cfg.Pool = "unnamed" // without backends, a pool to refer to is required
	}
	return validate(cfg)
}

// located gives err the current file and line unless it has such already, as
// errors of other modules may or may not.
func (p *parser) located(err error) error {
	if err == nil || strings.Contains(err.Error(), ", at "+p.d.File()+":") {
		return err
	}
	return p.d.WrapErr(err)
}

func merge(tables ...table) table {
	all := make(table)
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}
