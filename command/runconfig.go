package command

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddypki"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

const policyNamespace = "http.handlers.load_balance.policies"

// config makes Caddy's config of the flags.
func (o *runOptions) config(s site, handler *config.Handler) (*caddy.Config, error) {
	route := caddyhttp.Route{HandlersRaw: []json.RawMessage{caddyconfig.JSONModuleObject(handler, "handler", "load_balance", nil)}}
	if s.host != "" {
		route.MatcherSetsRaw = caddyhttp.RawMatcherSets{{"host": caddyconfig.JSON(caddyhttp.MatchHost{s.host}, nil)}}
	}
	server := &caddyhttp.Server{Listen: []string{s.listen}, Routes: caddyhttp.RouteList{route}}
	if !s.https {
		server.AutoHTTPS = &caddyhttp.AutoHTTPSConfig{Disabled: true}
	} else if o.noRedirects {
		server.AutoHTTPS = &caddyhttp.AutoHTTPSConfig{DisableRedir: true}
	}
	if o.accessLog {
		server.Logs = new(caddyhttp.ServerLogConfig)
	}
	apps := caddy.ModuleMap{"http": caddyconfig.JSON(caddyhttp.App{Servers: map[string]*caddyhttp.Server{"load_balance": server}}, nil)}
	if err := o.certificates(s, apps); err != nil {
		return nil, err
	}
	// what `caddy run --resume` would take up is not to be replaced
	admin := &caddy.AdminConfig{Listen: o.admin, Config: &caddy.ConfigSettings{Persist: new(bool)}}
	if o.admin == adminOff {
		admin.Disabled, admin.Listen = true, ""
	}
	cfg := &caddy.Config{Admin: admin, AppsRaw: apps}
	if o.verbose {
		cfg.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: zap.DebugLevel.CapitalString()}}}}
	}
	return cfg, nil
}

// certificates adds to the apps what HTTPS needs beyond Caddy's defaults. The
// root of Caddy's own CA is not put into the system's trust store: that is for
// `caddy trust`, and not for the start of a server.
func (o *runOptions) certificates(s site, apps caddy.ModuleMap) error {
	if o.internalCerts && !s.https {
		return fmt.Errorf("--internal-certs: --listen %q is not HTTPS", o.listen)
	}
	if !s.https || !o.internalCerts && certmagic.SubjectQualifiesForPublicCert(s.host) {
		return nil
	}
	apps["pki"] = caddyconfig.JSON(caddypki.PKI{CAs: map[string]*caddypki.CA{caddypki.DefaultCAID: {InstallTrust: new(bool)}}}, nil)
	if o.internalCerts {
		apps["tls"] = caddyconfig.JSON(caddytls.TLS{Automation: &caddytls.AutomationConfig{Policies: []*caddytls.AutomationPolicy{{
			SubjectsRaw: []string{s.host},
			IssuersRaw:  []json.RawMessage{json.RawMessage(`{"module":"internal"}`)},
		}}}}, nil)
	}
	return nil
}

// handler makes the config of the load balancer, and checks it.
func (o *runOptions) handler(s site) (*config.Handler, error) {
	h := &config.Handler{Pool: o.pool}
	if h.Pool == "" {
		h.Pool = s.poolName()
	}
	if o.noPersist {
		h.Persist = new(bool)
	}
	tls, err := o.addBackends(h)
	if err != nil {
		return nil, err
	}
	if err := o.balancing(h); err != nil {
		return nil, err
	}
	h.HealthChecks = &config.HealthChecks{Active: &config.ActiveHealth{URI: o.healthURI, Interval: caddy.Duration(o.healthInterval)}}
	if o.insecure {
		if !tls {
			return nil, fmt.Errorf("--insecure: no --backend is https://")
		}
		h.Transport = &config.Transport{TLS: &config.TLS{InsecureSkipVerify: true}}
	}
	if err := o.headers(h); err != nil {
		return nil, err
	}
	if err := h.Validate(); err != nil {
		return nil, err
	}
	return h, nil
}

// addBackends reports whether a backend is spoken to over TLS.
func (o *runOptions) addBackends(h *config.Handler) (tls bool, err error) {
	for _, text := range o.backends {
		addrs, err := config.ParseAddresses(text)
		if err != nil {
			return false, fmt.Errorf("--backend: %w", err)
		}
		for _, addr := range addrs {
			tls = tls || addr.Scheme == "https"
			h.Backends = append(h.Backends, config.Backend{Address: addr.String(), MaxRequests: o.maxRequests})
		}
	}
	return tls, nil
}

func (o *runOptions) balancing(h *config.Handler) error {
	lb := &config.LoadBalancing{SlowStart: caddy.Duration(o.slowStart)}
	lb.Retries = o.retries
	if o.policy != "" {
		raw, err := parsePolicy(o.policy)
		if err != nil {
			return err
		}
		lb.PolicyRaw = raw
	}
	if o.sticky != "" {
		lb.Sticky = &config.Sticky{By: o.sticky}
	}
	if o.queue > 0 {
		lb.Queue = &config.Queue{Size: o.queue, Timeout: caddy.Duration(o.queueFor)}
	}
	h.LoadBalancing = lb
	return nil
}

// parsePolicy reads a policy as a Caddyfile has it.
func parsePolicy(text string) (json.RawMessage, error) {
	tokens, err := caddyfile.Tokenize([]byte(text), "--policy")
	if err != nil {
		return nil, fmt.Errorf("--policy %q: %w", text, err)
	}
	d := caddyfile.NewDispenser(tokens)
	if !d.Next() {
		return nil, fmt.Errorf("--policy %q: empty", text)
	}
	name := d.Val()
	if _, err := caddy.GetModule(policyNamespace + "." + name); err != nil {
		return nil, fmt.Errorf("--policy %q: there is no such policy", name)
	}
	policy, err := caddyfile.UnmarshalModule(d, policyNamespace+"."+name)
	if err != nil {
		return nil, fmt.Errorf("--policy %q: %w", text, err)
	}
	return caddyconfig.JSONModuleObject(policy, "policy", name, nil), nil
}

func (o *runOptions) headers(h *config.Handler) error {
	up, err := parseHeaders(o.headerUp)
	if err != nil {
		return fmt.Errorf("--header-up: %w", err)
	}
	down, err := parseHeaders(o.headerDown)
	if err != nil {
		return fmt.Errorf("--header-down: %w", err)
	}
	if len(up) == 0 && len(down) == 0 {
		return nil
	}
	h.Headers = new(headers.Handler)
	if len(up) > 0 {
		h.Headers.Request = &headers.HeaderOps{Set: up}
	}
	if len(down) > 0 {
		h.Headers.Response = &headers.RespHeaderOps{HeaderOps: &headers.HeaderOps{Set: down}}
	}
	return nil
}

func parseHeaders(list []string) (http.Header, error) {
	h := make(http.Header)
	for _, text := range list {
		name, value, err := parseHeader(text)
		if err != nil {
			return nil, err
		}
		h.Set(name, value)
	}
	return h, nil
}
