package caddyfile

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"
)

// arg returns the next argument, which is required and not empty: to the
// configuration, empty is the same as not set at all.
func (p *parser) arg() (string, error) {
	if !p.d.NextArg() {
		return "", p.d.ArgErr()
	}
	if p.d.Val() == "" {
		return "", p.d.Errf("%s: empty argument", p.name)
	}
	return p.d.Val(), nil
}

// args returns all arguments of the line, of which at least one is required.
func (p *parser) args() ([]string, error) {
	first, err := p.arg()
	if err != nil {
		return nil, err
	}
	list := append([]string{first}, p.d.RemainingArgs()...)
	if slices.Contains(list, "") {
		return nil, p.d.Errf("%s: empty argument", p.name)
	}
	return list, nil
}

func (p *parser) duration() (caddy.Duration, error) {
	s, err := p.arg()
	if err != nil {
		return 0, err
	}
	return p.parseDuration(s)
}

func (p *parser) parseDuration(s string) (caddy.Duration, error) {
	d, err := caddy.ParseDuration(s)
	if err != nil {
		return 0, p.d.Errf("%s: bad duration %q: %v", p.name, s, err)
	}
	return caddy.Duration(d), nil
}

// number reads an integer of at least least.
func (p *parser) number(least int) (int, error) {
	s, err := p.arg()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, p.d.Errf("%s: bad number %q", p.name, s)
	}
	if n < least {
		return 0, p.d.Errf("%s: number %d is less than %d", p.name, n, least)
	}
	return n, nil
}

// size reads a number of bytes with an optional unit: KB is 1000, KiB is 1024.
func (p *parser) size() (int64, error) {
	s, err := p.arg()
	if err != nil {
		return 0, err
	}
	return p.parseSize(s)
}

func (p *parser) parseSize(s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n > math.MaxInt {
		return 0, p.d.Errf("%s: bad size %q", p.name, s)
	}
	return int64(n), nil
}

// choice reads one of the given words.
func (p *parser) choice(words ...string) (string, error) {
	s, err := p.arg()
	if err != nil {
		return "", err
	}
	if !slices.Contains(words, s) {
		return "", p.d.Errf("%s: bad value %q: expecting %s", p.name, s, strings.Join(words, " or "))
	}
	return s, nil
}

// optionalSwitch reads on or off; nothing is on.
func (p *parser) optionalSwitch() (bool, error) {
	if p.d.CountRemainingArgs() == 0 {
		return true, nil
	}
	word, err := p.choice("on", "off")
	return word == "on", err
}

// statusCodes reads status codes, and classes of them such as 2xx, which are
// one digit in the configuration.
func (p *parser) statusCodes() ([]int, error) {
	list, err := p.args()
	if err != nil {
		return nil, err
	}
	codes := make([]int, 0, len(list))
	for _, s := range list {
		digits := s
		if len(s) == 3 {
			digits = strings.TrimSuffix(s, "xx")
		}
		code, err := strconv.Atoi(digits)
		if err != nil {
			return nil, p.d.Errf("%s: bad status %q", p.name, s)
		}
		codes = append(codes, code)
	}
	return codes, nil
}

// The functions below make table entries of fields.

func textField(field func(*parser) *string) func(*parser) error {
	return func(p *parser) (err error) {
		*field(p), err = p.arg()
		return err
	}
}

func listField(field func(*parser) *[]string) func(*parser) error {
	return func(p *parser) error {
		list, err := p.args()
		*field(p) = append(*field(p), list...)
		return err
	}
}

func flagField(field func(*parser) *bool) func(*parser) error {
	return func(p *parser) error {
		*field(p) = true
		return nil
	}
}

func durationField(field func(*parser) *caddy.Duration) func(*parser) error {
	return func(p *parser) (err error) {
		*field(p), err = p.duration()
		return err
	}
}

// optionalDuration makes the table entry of a duration of which zero is not the
// default, but no limit.
func optionalDuration(field func(*parser) **caddy.Duration) func(*parser) error {
	return func(p *parser) error {
		d, err := p.duration()
		*field(p) = &d
		return err
	}
}

func numberField(field func(*parser) *int) func(*parser) error {
	return func(p *parser) (err error) {
		*field(p), err = p.number(0)
		return err
	}
}

func sizeField[T int | int64](field func(*parser) *T) func(*parser) error {
	return func(p *parser) error {
		n, err := p.size()
		*field(p) = T(n)
		return err
	}
}

func statusField(field func(*parser) *[]int) func(*parser) error {
	return func(p *parser) error {
		codes, err := p.statusCodes()
		*field(p) = append(*field(p), codes...)
		return err
	}
}
