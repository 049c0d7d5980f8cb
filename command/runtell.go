package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// adminOff is the --admin of those who want no admin endpoint, as in a Caddyfile.
const adminOff = "off"

// tell says how to operate what has been started.
func (o *runOptions) tell(w io.Writer, s site, h *config.Handler) {
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe load balancer is on %s, with %s in the pool %s.\n", s.url(), plural(len(h.Backends), "backend"), h.Pool)
	if o.admin == adminOff {
		b.WriteString("It cannot be changed: there is no admin endpoint.\n\n")
		_, _ = io.WriteString(w, b.String())
		return
	}
	at := ""
	if o.admin != "" {
		at = " --address " + o.admin
	}
	b.WriteString("While it runs:\n")
	for _, line := range [][2]string{
		{"status" + at + " --watch", "shows its backends"},
		{"add" + at + " <address>", "adds one"},
		{"drain" + at + " <address> --then remove", "removes one without losing anything"},
		{"try" + at + " " + s.url(), "shows who answers"},
	} {
		fmt.Fprintf(&b, "  caddy load-balance %-46s %s\n", line[0], line[1])
	}
	b.WriteString("\n")
	_, _ = io.WriteString(w, b.String())
}
