package peer

import (
	"fmt"
	"strings"
)

// Traefik returns the Traefik of a binary: Debian has none.
func Traefik(binary string) Proxy {
	return Proxy{
		Name:        "traefik",
		Program:     binary,
		Install:     "name its binary by -traefik",
		versionArgs: []string{"version"},
		configure: func(dir string, s Site) ([]string, error) {
			file, err := writeConfig(dir, "dynamic.yml", traefikConfig(s))
			return []string{
				fmt.Sprintf("--entrypoints.site.address=127.0.0.1:%d", s.Port),
				"--providers.file.filename=" + file,
				"--providers.file.watch=false",
				"--log.level=ERROR",
				"--global.checknewversion=false",
				"--global.sendanonymoususage=false",
			}, err
		},
	}
}

func traefikConfig(s Site) string {
	var text strings.Builder
	text.WriteString(`http:
  routers:
    site:
      entryPoints: [site]
      rule: PathPrefix("/")
      service: backends
`)
	if s.TLS {
		text.WriteString("      tls: {}\n")
	}
	fmt.Fprintf(&text, `  serversTransports:
    backends:
      insecureSkipVerify: true
      disableHTTP2: true
      maxIdleConnsPerHost: %d
  services:
    backends:
      loadBalancer:
        serversTransport: backends
`, max(200, s.Idle))
	if s.LeastConn {
		text.WriteString("        strategy: p2c\n") // it has no exact one
	}
	text.WriteString("        servers:\n")
	scheme := "http"
	if s.BackendTLS {
		scheme = "https"
	}
	for _, addr := range s.Backends {
		fmt.Fprintf(&text, "          - url: %s://%s\n", scheme, addr)
	}
	if s.TLS {
		fmt.Fprintf(&text, `tls:
  stores:
    default:
      defaultCertificate:
        certFile: %s
        keyFile: %s
`, s.Cert, s.Key)
	}
	return text.String()
}
