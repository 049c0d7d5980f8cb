package caddyfile

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"
)

// errorAt is like Errf of a dispenser that stands at the token.
func errorAt(token caddyfile.Token, format string, args ...any) error {
	d := caddyfile.NewDispenser([]caddyfile.Token{token})
	d.Next()
	return d.Errf(format, args...)
}

// place returns file and line of the token, and how it was imported.
func place(token caddyfile.Token) string {
	return strings.TrimPrefix(errorAt(token, "").Error(), ", at ")
}

// warn logs a message about the current line that is no error.
func (p *parser) warn(message string) { warnAt(p.d.Token(), message) }

func warnAt(token caddyfile.Token, message string) {
	caddy.Log().Named("caddyfile").Warn(message,
		zap.String("file", token.File), zap.Int("line", token.Line))
}
