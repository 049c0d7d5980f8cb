package config

import (
	"encoding/json"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// RawMatcherSets is Caddy's type for matcher sets that are not yet loaded.
type RawMatcherSets = caddyhttp.RawMatcherSets

// Transport configures the connections to backends. Which protocol is spoken
// follows from each backend's address (`https://`, `h2c://`) and from these
// options.
type Transport struct {
	// DNS servers to resolve the names of backends with.
	// Default: the system's resolver.
	Resolver *Resolver `json:"resolver,omitempty"`

	// TLS to backends. An empty object turns TLS on, with defaults, for
	// backends whose address has no scheme.
	TLS *TLS `json:"tls,omitempty"`

	// Connection reuse.
	KeepAlive *KeepAlive `json:"keep_alive,omitempty"`

	// Ask backends for compressed responses on behalf of clients that did
	// not, and decompress them. Default: false; what the client accepts is
	// passed on as it is.
	Compression *bool `json:"compression,omitempty"`

	// How many connections to a backend may exist. Default: 0, no limit.
	MaxConnsPerHost int `json:"max_conns_per_host,omitempty"`

	// The PROXY protocol header to send on each new connection: `v1` or `v2`.
	// Connections are then not shared between clients. Default: none.
	ProxyProtocol string `json:"proxy_protocol,omitempty"`

	// A module that says which forward proxy to connect through. Default: the
	// environment variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	NetworkProxyRaw json.RawMessage `json:"network_proxy,omitempty" caddy:"namespace=caddy.network_proxy inline_key=from"`

	// Deprecated: use `network_proxy`.
	ForwardProxyURL string `json:"forward_proxy_url,omitempty"`

	// How long a connection may take to be established. Default: 3s.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`

	// How long to wait before the other address family is tried as well
	// (RFC 6555). Negative turns that off. Default: 300ms.
	FallbackDelay caddy.Duration `json:"dial_fallback_delay,omitempty"`

	// How long to wait for the head of a response once the request is
	// written. 0 is no limit. Default: 60s.
	ResponseHeaderTimeout *caddy.Duration `json:"response_header_timeout,omitempty"`

	// How long to wait for the answer to `Expect: 100-continue` before the
	// body is sent anyway. Default: 1s.
	ExpectContinueTimeout caddy.Duration `json:"expect_continue_timeout,omitempty"`

	// The largest response head that is accepted, in bytes. Default: 1 MiB.
	MaxResponseHeaderSize int64 `json:"max_response_header_size,omitempty"`

	// The size of the write buffer in bytes, of connections over TLS or
	// HTTP/2; HTTP/1.1 without TLS has its own. Default: 4 KiB.
	WriteBufferSize int `json:"write_buffer_size,omitempty"`

	// The size of the read buffer in bytes, of connections over TLS or
	// HTTP/2; HTTP/1.1 without TLS has its own. Default: 4 KiB.
	ReadBufferSize int `json:"read_buffer_size,omitempty"`

	// How long one read from a backend may take. While a request is being sent
	// it is counted from its last piece on. Default: no limit.
	ReadTimeout caddy.Duration `json:"read_timeout,omitempty"`

	// How long a backend may take to accept the next piece of a request. 0 is
	// no limit. Unless this is set, a backend that has answered, or switched
	// protocols, may take as long as it likes. Default: 60s.
	WriteTimeout *caddy.Duration `json:"write_timeout,omitempty"`

	// HTTP versions to speak: `1.1`, `2`, `h2c` and `3`. `3` stands alone, and
	// turns TLS on. Default: 1.1 and 2.
	Versions []string `json:"versions,omitempty"`

	// The local address to dial from. Default: chosen by the system.
	LocalAddress string `json:"local_address,omitempty"`
}

// HTTP3 reports whether HTTP/3 is spoken, which excludes other versions.
func (t *Transport) HTTP3() bool { return t != nil && slices.Contains(t.Versions, "3") }

// WithImpliedTLS returns the settings, with TLS turned on if HTTP/3 is asked
// for, which does not exist without. The receiver may be nil, and stays as it
// is.
func (t *Transport) WithImpliedTLS() *Transport {
	if !t.HTTP3() || t.TLS != nil {
		return t
	}
	out := *t
	out.TLS = new(TLS)
	return &out
}

// Resolver names DNS servers.
type Resolver struct {
	// Addresses of DNS servers; the port is 53 unless given, the network
	// UDP unless given as in `tcp/1.2.3.4:53`.
	Addresses []string `json:"addresses,omitempty"`
}

// TLS configures TLS to backends.
type TLS struct {
	// The module that provides the trusted certificate authorities.
	// Default: the system's.
	CARaw json.RawMessage `json:"ca,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	// Deprecated: use `ca` with the `inline` provider.
	RootCAPool []string `json:"root_ca_pool,omitempty"`

	// Deprecated: use `ca` with the `file` provider.
	RootCAPEMFiles []string `json:"root_ca_pem_files,omitempty"`

	// PEM file of the client certificate.
	ClientCertificateFile string `json:"client_certificate_file,omitempty"`

	// PEM file of the client certificate's key.
	ClientCertificateKeyFile string `json:"client_certificate_key_file,omitempty"`

	// Subject name of a client certificate that Caddy is to manage.
	ClientCertificateAutomate string `json:"client_certificate_automate,omitempty"`

	// Do not verify certificates. Insecure; for tests only.
	InsecureSkipVerify bool `json:"insecure_skip_verify,omitempty"`

	// How long the handshake may take. Default: 10s.
	HandshakeTimeout caddy.Duration `json:"handshake_timeout,omitempty"`

	// The server name of the handshake, which the certificate is verified
	// against. Default: the host of the backend's address.
	ServerName string `json:"server_name,omitempty"`

	// Renegotiation: `never`, `once` or `freely`. Default: `never`.
	Renegotiation string `json:"renegotiation,omitempty"`

	// Ports on which TLS is not spoken although it is configured.
	ExceptPorts []string `json:"except_ports,omitempty"`

	// Elliptic curves to offer. Default: Go's.
	Curves []string `json:"curves,omitempty"`
}

// KeepAlive configures the reuse of connections.
type KeepAlive struct {
	// Whether connections are reused. Default: true.
	Enabled *bool `json:"enabled,omitempty"`

	// The interval of TCP keep-alive probes. Negative turns them off.
	// Default: 30s.
	ProbeInterval caddy.Duration `json:"probe_interval,omitempty"`

	// How many idle connections may exist over all backends of the pool.
	// Default: 0, no limit.
	MaxIdleConns int `json:"max_idle_conns,omitempty"`

	// How many idle connections are kept to a backend. Default: 128.
	MaxIdleConnsPerHost int `json:"max_idle_conns_per_host,omitempty"`

	// How long a connection may stay idle. Default: 90s.
	IdleConnTimeout caddy.Duration `json:"idle_timeout,omitempty"`
}
