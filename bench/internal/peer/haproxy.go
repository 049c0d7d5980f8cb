package peer

import (
	"fmt"
	"strings"
)

// HAProxy returns HAProxy as it comes: a thread per core.
func HAProxy() Proxy {
	return Proxy{
		Name:        "haproxy",
		Program:     "haproxy",
		Install:     "apt-get install haproxy",
		versionArgs: []string{"-v"},
		configure: func(dir string, s Site) ([]string, error) {
			file, err := writeConfig(dir, "haproxy.cfg", haproxyConfig(s))
			return []string{"-db", "-f", file}, err
		},
	}
}

func haproxyConfig(s Site) string {
	bind, server := "", ""
	if s.TLS {
		bind = " ssl crt " + s.Both + " alpn h2,http/1.1"
	}
	if s.BackendTLS {
		server = " ssl verify none"
	}
	if s.Idle > 0 {
		server += fmt.Sprintf(" pool-max-conn %d pool-purge-delay 1h", s.Idle)
	}
	var servers strings.Builder
	for i, addr := range s.Backends {
		fmt.Fprintf(&servers, "\tserver s%d %s%s\n", i, addr, server)
	}
	// It wants to be allowed two files for each connection of a client, which
	// is more than are needed, and keeps few idle connections to backends once
	// it has a quarter of them.
	return fmt.Sprintf(`global
	maxconn %d
	no strict-limits
	tune.pool-low-fd-ratio 99
	tune.pool-high-fd-ratio 100

defaults
	mode http
	option forwardfor
	timeout connect 3s
	timeout client 1h
	timeout server 1h

listen site
	bind 127.0.0.1:%d%s
	balance %s
%s`, s.connections(), s.Port, bind, haproxyBalance(s), servers.String())
}

func haproxyBalance(s Site) string {
	const most = 4095 // servers that its roundrobin can have
	switch {
	case s.LeastConn:
		return "leastconn"
	case len(s.Backends) > most:
		return "static-rr"
	}
	return "roundrobin"
}
