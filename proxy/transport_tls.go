package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// newTLSConfig makes the client configuration of TLS to backends. It takes a
// copy of cfg, as loading a module clears the field that describes it.
func newTLSConfig(ctx caddy.Context, cfg config.TLS) (*tls.Config, error) {
	out := &tls.Config{ServerName: cfg.ServerName, InsecureSkipVerify: cfg.InsecureSkipVerify}
	switch cfg.Renegotiation {
	case "once":
		out.Renegotiation = tls.RenegotiateOnceAsClient
	case "freely":
		out.Renegotiation = tls.RenegotiateFreelyAsClient
	}
	for _, name := range cfg.Curves {
		id, ok := caddytls.SupportedCurves[name]
		if !ok {
			return nil, fmt.Errorf("unsupported curve %q", name)
		}
		if !slices.Contains(out.CurvePreferences, id) {
			out.CurvePreferences = append(out.CurvePreferences, id)
		}
	}
	if err := loadClientCertificate(ctx, &cfg, out); err != nil {
		return nil, err
	}
	roots, err := loadRoots(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	out.RootCAs = roots
	return out, nil
}

func loadClientCertificate(ctx caddy.Context, cfg *config.TLS, out *tls.Config) error {
	if cfg.ClientCertificateFile != "" {
		pair, err := tls.LoadX509KeyPair(cfg.ClientCertificateFile, cfg.ClientCertificateKeyFile)
		if err != nil {
			return fmt.Errorf("loading client certificate: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	name := cfg.ClientCertificateAutomate
	if name == "" {
		return nil
	}
	app, err := ctx.App("tls")
	if err != nil {
		return fmt.Errorf("client certificate %q: %w", name, err)
	}
	if err := app.(*caddytls.TLS).Manage(map[string]struct{}{name: {}}); err != nil {
		return fmt.Errorf("managing client certificate %q: %w", name, err)
	}
	out.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		err := errors.New("there is none yet")
		for _, cert := range caddytls.AllMatchingCertificates(name) {
			if err = info.SupportsCertificate(&cert.Certificate); err == nil {
				return &cert.Certificate, nil
			}
		}
		return nil, fmt.Errorf("client certificate %q: %w", name, err)
	}
	return nil
}

// loadRoots returns the trusted authorities, nil for the system's.
func loadRoots(ctx caddy.Context, cfg *config.TLS) (*x509.CertPool, error) {
	if cfg.CARaw != nil {
		mod, err := ctx.LoadModule(cfg, "CARaw")
		if err != nil {
			return nil, fmt.Errorf("loading ca: %w", err)
		}
		source, ok := mod.(caddytls.CA)
		if !ok {
			return nil, fmt.Errorf("ca module %T provides no certificates", mod)
		}
		return source.CertPool(), nil
	}
	if len(cfg.RootCAPool) == 0 && len(cfg.RootCAPEMFiles) == 0 {
		return nil, nil
	}
	roots := x509.NewCertPool()
	for _, text := range cfg.RootCAPool {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("root_ca_pool %.20q…: %w", text, err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("root_ca_pool %.20q…: %w", text, err)
		}
		roots.AddCert(cert)
	}
	for _, file := range cfg.RootCAPEMFiles {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("root_ca_pem_files: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("root_ca_pem_files: %q has no certificate", file)
		}
	}
	return roots, nil
}
