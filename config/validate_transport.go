package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

var httpVersions = []string{"1.1", "2", "h2c", "3"}

func (t *Transport) validate() error {
	if t == nil {
		return nil
	}
	for _, v := range t.Versions {
		if !slices.Contains(httpVersions, v) {
			return fmt.Errorf("unsupported HTTP version %q; supported are %s", v, strings.Join(httpVersions, ", "))
		}
	}
	if t.HTTP3() && len(t.Versions) > 1 {
		return fmt.Errorf("HTTP/3 excludes other versions, got %s", strings.Join(t.Versions, ", "))
	}
	switch t.ProxyProtocol {
	case "", "v1", "v2":
	default:
		return fmt.Errorf("proxy_protocol %q is neither v1 nor v2", t.ProxyProtocol)
	}
	if t.ForwardProxyURL != "" && t.NetworkProxyRaw != nil {
		return fmt.Errorf("forward_proxy_url and network_proxy exclude each other")
	}
	if t.ResponseHeaderTimeout != nil && *t.ResponseHeaderTimeout < 0 {
		return fmt.Errorf("response_header_timeout %s is negative", duration(*t.ResponseHeaderTimeout))
	}
	if t.WriteTimeout != nil && *t.WriteTimeout < 0 {
		return fmt.Errorf("write_timeout %s is negative", duration(*t.WriteTimeout))
	}
	for what, d := range map[string]caddy.Duration{
		"dial_timeout": t.DialTimeout, "expect_continue_timeout": t.ExpectContinueTimeout,
		"read_timeout": t.ReadTimeout,
	} {
		if d < 0 {
			return fmt.Errorf("%s %s is negative", what, duration(d))
		}
	}
	if t.MaxConnsPerHost < 0 || t.MaxResponseHeaderSize < 0 || t.WriteBufferSize < 0 || t.ReadBufferSize < 0 {
		return fmt.Errorf("max_conns_per_host %d, max_response_header_size %d, write_buffer_size %d and read_buffer_size %d must not be negative",
			t.MaxConnsPerHost, t.MaxResponseHeaderSize, t.WriteBufferSize, t.ReadBufferSize)
	}
	if t.Resolver != nil && len(t.Resolver.Addresses) == 0 {
		return fmt.Errorf("resolver has no addresses")
	}
	return t.TLS.validate()
}

// CheckScheme returns an error if the backend's scheme contradicts the
// transport. text is what was written, as http:// is not part of an address.
func (t *Transport) CheckScheme(text string, addr Address) error {
	plain := addr.Scheme == "" && strings.HasPrefix(strings.ToLower(text), "http://")
	switch {
	case t.HTTP3() && (plain || addr.Scheme == "h2c" || addr.IsUnix()):
		return fmt.Errorf("backend %q cannot be spoken to over HTTP/3, which is the transport's version", text)
	case plain && t != nil && t.TLS != nil && !slices.Contains(t.TLS.ExceptPorts, addr.Port):
		return fmt.Errorf("backend %q: scheme http:// but the transport is configured for TLS", text)
	}
	return nil
}

func (t *TLS) validate() error {
	if t == nil {
		return nil
	}
	if (t.ClientCertificateFile == "") != (t.ClientCertificateKeyFile == "") {
		return fmt.Errorf("client_certificate_file %q and client_certificate_key_file %q go together",
			t.ClientCertificateFile, t.ClientCertificateKeyFile)
	}
	if t.CARaw != nil && (len(t.RootCAPool) > 0 || len(t.RootCAPEMFiles) > 0) {
		return fmt.Errorf("ca excludes root_ca_pool and root_ca_pem_files")
	}
	switch t.Renegotiation {
	case "", "never", "once", "freely":
	default:
		return fmt.Errorf("renegotiation %q is none of never, once, freely", t.Renegotiation)
	}
	return nil
}

func duration(d caddy.Duration) time.Duration { return time.Duration(d) }
