package caddyfile

import (
	"github.com/caddyserver/caddy/v2"
)

var streamingTable = table{
	"flush_interval":     (*parser).flushInterval,
	"request_buffers":    bufferField(func(p *parser) *int64 { return &p.cfg.RequestBuffers }),
	"response_buffers":   bufferField(func(p *parser) *int64 { return &p.cfg.ResponseBuffers }),
	"stream_buffer_size": sizeField(func(p *parser) *int { return &p.cfg.StreamBufferSize }),
	"stream_timeout":     streamField(func(p *parser) *caddy.Duration { return &p.cfg.StreamTimeout }),
	"stream_close_delay": streamField(func(p *parser) *caddy.Duration { return &p.cfg.StreamCloseDelay }),
	"upgrades":           listField(func(p *parser) *[]string { return &p.cfg.Upgrades }),
	"proxy_status_name":  textField(func(p *parser) *string { return &p.cfg.ProxyStatusName }),
	"verbose_logs":       flagField(func(p *parser) *bool { return &p.cfg.VerboseLogs }),
}

// flushInterval reads a duration, or -1 without a unit, which flushes at once.
func (p *parser) flushInterval() error {
	s, err := p.arg()
	if err != nil {
		return err
	}
	if s == "-1" {
		p.cfg.FlushInterval = -1
		return nil
	}
	p.cfg.FlushInterval, err = p.parseDuration(s)
	return err
}

// bufferField makes the table entry of a size that may be without limit.
func bufferField(field func(*parser) *int64) func(*parser) error {
	return func(p *parser) error {
		s, err := p.arg()
		if err != nil {
			return err
		}
		if s == "unlimited" {
			*field(p) = -1
			return nil
		}
		*field(p), err = p.parseSize(s)
		return err
	}
}

// streamField makes the table entry of a duration that -1, too, turns off.
func streamField(field func(*parser) *caddy.Duration) func(*parser) error {
	return func(p *parser) error {
		s, err := p.arg()
		if err != nil || s == "-1" {
			return err
		}
		*field(p), err = p.parseDuration(s)
		if *field(p) < 0 {
			return p.d.Errf("%s: duration %q is negative", p.name, s)
		}
		return err
	}
}
