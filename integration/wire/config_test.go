package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strconv"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// The servers of Caddy that kinds choose from.
const (
	serverMain    = "main"    // plain text and TLS; HTTP/1.1, 2 and 3
	serverTrusted = "trusted" // trusts the X-Forwarded headers of this machine
	serverErrors  = "errors"  // has handle_errors
	serverQuiet   = "quiet"   // has no access log
)

// directive is the name of the handler that is tested.
var directive = envOr("LB_DIRECTIVE", "load_balance")

// ports of Caddy.
var (
	adminPort   string
	plainPort   string // of serverMain
	securePort  string // of serverMain; TLS over TCP, and QUIC over UDP
	trustedPort string
	errorsPort  string
	quietPort   string
)

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// configJSON is Caddy's config with all sites of all kinds.
func configJSON() ([]byte, error) {
	for _, port := range []*string{&adminPort, &plainPort, &securePort, &trustedPort, &errorsPort, &quietPort} {
		var err error
		if *port, err = freePort(); err != nil {
			return nil, err
		}
	}
	servers := map[string]any{
		serverMain: map[string]any{
			"listen":                  []string{"127.0.0.1:" + plainPort, "127.0.0.1:" + securePort},
			"protocols":               []string{"h1", "h2", "h2c", "h3"},
			"tls_connection_policies": []any{map[string]any{}},
		},
		serverTrusted: map[string]any{
			"listen":          []string{"127.0.0.1:" + trustedPort},
			"trusted_proxies": map[string]any{"source": "static", "ranges": []string{"127.0.0.0/8"}},
		},
		serverErrors: map[string]any{
			"listen": []string{"127.0.0.1:" + errorsPort},
			"errors": map[string]any{"routes": []any{map[string]any{"handle": []any{map[string]any{
				"handler": "static_response", "status_code": "{http.error.status_code}",
				"headers": map[string]any{"X-Handled": []string{"yes"}},
				"body":    "handled {http.error.status_code}",
			}}}}},
		},
	}
	servers[serverQuiet] = map[string]any{"listen": []string{"127.0.0.1:" + quietPort}}
	shared := map[string]string{serverMain: plainPort, serverTrusted: trustedPort, serverErrors: errorsPort, serverQuiet: quietPort}
	routes := make(map[string][]any)
	for _, k := range kinds {
		for i, s := range k.all {
			handle := map[string]any{"handle": []any{k.handler(s)}}
			if !k.alone {
				s.port = shared[k.server]
				handle["match"] = []any{map[string]any{"host": []string{s.host}}}
				routes[k.server] = append(routes[k.server], handle)
				continue
			}
			var err error
			if s.port, err = freePort(); err != nil {
				return nil, err
			}
			servers[fmt.Sprintf("%s-%d", k.name, i)] = map[string]any{
				"listen": []string{"127.0.0.1:" + s.port}, "routes": []any{handle},
			}
		}
	}
	for name, list := range routes {
		servers[name].(map[string]any)["routes"] = list
	}
	for name, server := range servers {
		s := server.(map[string]any)
		if name != serverQuiet {
			s["logs"] = map[string]any{}
		}
		s["automatic_https"] = map[string]any{"disable": true}
	}
	port, err := strconv.Atoi(plainPort)
	if err != nil {
		return nil, err
	}
	cert, key, err := certificatePEM()
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"admin": map[string]any{"listen": "127.0.0.1:" + adminPort},
		"apps": map[string]any{
			"http": map[string]any{"http_port": port, "grace_period": "5s", "servers": servers},
			"tls": map[string]any{"certificates": map[string]any{"load_pem": []any{
				map[string]any{"certificate": cert, "key": key},
			}}},
		},
	})
}

// handler is the JSON of the site's handler.
func (k *kind) handler(s *site) map[string]any {
	h := map[string]any{"handler": directive}
	transport := map[string]any{}
	if k.scheme == "https" {
		transport["tls"] = map[string]any{
			"ca": map[string]any{
				"provider":         "inline",
				"trusted_ca_certs": []string{base64.StdEncoding.EncodeToString(certificate.Certificate[0])},
			},
			"server_name": "backend.wire.test",
		}
	}
	maps.Copy(transport, k.transport)
	if overNet {
		transport["max_conns_per_host"] = 1 << 20 // which the HTTP/1.1 transport does not count
	}
	var backends []any
	if directive == "load_balance" {
		prefix := map[string]string{"https": "https://", "h2c": "h2c://", "unix": "unix/"}[k.scheme]
		for i := range s.listeners {
			backends = append(backends, map[string]any{"address": prefix + s.address(i)})
		}
		h["pool"], h["backends"] = s.host, backends
		h["health_checks"] = map[string]any{"active": map[string]any{"disabled": true}}
	} else {
		for i := range s.listeners {
			network := map[bool]string{true: "unix/"}[k.scheme == "unix"]
			backends = append(backends, map[string]any{"dial": network + s.address(i)})
		}
		h["upstreams"] = backends
		transport["protocol"] = "http"
		transport["compression"] = false // as is the default of load_balance
		if k.scheme == "h2c" {
			transport["versions"] = []string{"h2c"}
		}
	}
	if len(transport) > 0 {
		h["transport"] = transport
	}
	maps.Copy(h, k.options)
	return h
}

func freePort() (string, error) {
	port, err := process.FreePort()
	return strconv.Itoa(port), err
}
