package caddyfile

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// tlsTable has the TLS options of the transport's block. Each of them turns
// TLS on for the backends whose address has no scheme.
var tlsTable = table{
	"tls":                      func(p *parser) error { p.tls(); return nil },
	"tls_client_auth":          (*parser).tlsClientAuth,
	"tls_insecure_skip_verify": flagField(func(p *parser) *bool { return &p.tls().InsecureSkipVerify }),
	"tls_curves":               listField(func(p *parser) *[]string { return &p.tls().Curves }),
	"tls_timeout":              durationField(func(p *parser) *caddy.Duration { return &p.tls().HandshakeTimeout }),
	"tls_trusted_ca_certs":     (*parser).tlsTrustedCACerts,
	"tls_trust_pool":           (*parser).tlsTrustPool,
	"tls_server_name":          textField(func(p *parser) *string { return &p.tls().ServerName }),
	"tls_renegotiation":        (*parser).tlsRenegotiation,
	"tls_except_ports":         listField(func(p *parser) *[]string { return &p.tls().ExceptPorts }),
}

func (p *parser) tls() *config.TLS {
	if p.cfg.Transport.TLS == nil {
		p.cfg.Transport.TLS = new(config.TLS)
	}
	return p.cfg.Transport.TLS
}

// tlsClientAuth reads the name of a certificate that Caddy manages, or the
// files of a certificate and its key.
func (p *parser) tlsClientAuth() error {
	list, err := p.args()
	if err != nil {
		return err
	}
	switch len(list) {
	case 1:
		p.tls().ClientCertificateAutomate = list[0]
	case 2:
		p.tls().ClientCertificateFile, p.tls().ClientCertificateKeyFile = list[0], list[1]
	default:
		return p.d.ArgErr()
	}
	return nil
}

func (p *parser) tlsTrustedCACerts() (err error) {
	p.warn("tls_trusted_ca_certs is deprecated; use tls_trust_pool file")
	p.tls().RootCAPEMFiles, err = p.args()
	return err
}

func (p *parser) tlsTrustPool() (err error) {
	p.tls().CARaw, err = p.module("tls.ca_pool.source", "provider")
	return err
}

func (p *parser) tlsRenegotiation() (err error) {
	p.tls().Renegotiation, err = p.choice("never", "once", "freely")
	return err
}
