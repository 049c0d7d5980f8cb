package peer

import (
	"fmt"
	"strings"
)

// Names of the ways in which one binary of Caddy is measured. Floor is there only
// in one that was built with the tag of that name.
const (
	LoadBalance  = "load_balance"
	ReverseProxy = "reverse_proxy"
	Respond      = "respond"
	Floor        = "floor"
)

// Caddys returns all of them.
func Caddys(binary string) []Proxy {
	return []Proxy{Caddy(binary, LoadBalance), Caddy(binary, ReverseProxy), Caddy(binary, Floor), Caddy(binary, Respond)}
}

// Caddy returns one of them, by its name.
func Caddy(binary, name string) Proxy {
	return Proxy{
		Name:        name,
		Program:     binary,
		Install:     "it is built from cmd/caddy",
		FrontOnly:   name == Respond,
		PlainOnly:   name == Floor,
		versionArgs: []string{"version"},
		configure: func(dir string, s Site) ([]string, error) {
			handler := caddyProxy(name, s)
			switch name {
			case Floor:
				handler = "\tfloor " + strings.Join(s.Backends, " ") + "\n"
			case Respond:
				handler = "\trespond \"" + s.Body + "\"\n" // which has neither quotes nor placeholders
			}
			file, err := writeConfig(dir, "Caddyfile", caddyfile(s, handler))
			return []string{"run", "--config", file, "--adapter", "caddyfile"}, err
		},
	}
}

// caddyfile puts a handler into a site.
func caddyfile(s Site, handler string) string {
	scheme, tls := "http", ""
	if s.TLS {
		scheme, tls = "https", fmt.Sprintf("\ttls %s %s\n", s.Cert, s.Key)
	}
	return fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https disable_redirects
	grace_period 1s
	log {
		level ERROR
	}
	servers {
		protocols h1 h2
	}
}

%s://127.0.0.1:%d {
	bind 127.0.0.1
%s%s}
`, scheme, s.Port, tls, handler)
}

// caddyProxy returns a load_balance or a reverse_proxy, which take the same
// options.
func caddyProxy(directive string, s Site) string {
	policy := "round_robin"
	if s.LeastConn {
		policy = "least_conn"
	}
	options := []string{"lb_policy " + policy}
	prefix := ""
	var transport []string
	if s.BackendTLS {
		prefix = "https://"
		transport = append(transport, "tls_insecure_skip_verify")
	}
	if s.Idle > 0 {
		transport = append(transport, fmt.Sprintf("keepalive_idle_conns_per_host %d", s.Idle))
	}
	if len(transport) > 0 {
		options = append(options, "transport http {\n\t\t\t"+strings.Join(transport, "\n\t\t\t")+"\n\t\t}")
	}
	return fmt.Sprintf("\t%s %s {\n\t\t%s\n\t}\n", directive,
		prefix+strings.Join(s.Backends, " "+prefix), strings.Join(options, "\n\t\t"))
}
