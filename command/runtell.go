package command

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// adminOff is the --admin of those who want no admin endpoint, as in a Caddyfile.
const adminOff = "off"

// tell says what has been started: to people how to operate it, and else in
// the log.
func (o *runOptions) tell(s screen, site site, h *config.Handler) {
	if s.terminal {
		_, _ = io.WriteString(s.w, o.instructions(site, h))
		return
	}
	caddy.Log().Named("load_balance").Info("load balancer started",
		zap.String("url", site.url()), zap.String("pool", h.Pool), zap.Int("backends", len(h.Backends)))
}

func (o *runOptions) instructions(site site, h *config.Handler) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe load balancer is on %s, with %s in the pool %s.\n", site.url(), plural(len(h.Backends), "backend"), h.Pool)
	if o.admin == adminOff {
		b.WriteString("It cannot be changed: there is no admin endpoint.\n\n")
		return b.String()
	}
	at := ""
	if o.admin != "" {
		at = " --address " + o.admin
	}
	b.WriteString("To operate it:\n\n")
	for _, line := range [][2]string{
		{"watch it", "status --watch" + at},
		{"add a backend", "add <address>" + at},
		{"remove one", "drain <address> --then remove" + at},
		{"try it", "try " + site.url() + at},
	} {
		fmt.Fprintf(&b, "  %-14s caddy load-balance %s\n", line[0], line[1])
	}
	b.WriteString("\n")
	return b.String()
}

// pingBack sends what can be read to the address.
func pingBack(ctx context.Context, r io.Reader, addr string) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("reading what to send back: %w", err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("pinging back: %w", err)
	}
	defer conn.Close()
	_, err = conn.Write(text)
	return err
}
