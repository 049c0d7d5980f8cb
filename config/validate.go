package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"strings"
)

// Validate returns the first error of the handler's configuration that can be
// found without loading modules.
func (h *Handler) Validate() error {
	if h.Pool != "" {
		if err := CheckPoolName(h.Pool); err != nil {
			return err
		}
	}
	if h.RefersOnly() && h.Pool == "" {
		return fmt.Errorf("no backends, and no pool to refer to")
	}
	seen := make(map[string]int, len(h.Backends))
	for i := range h.Backends {
		if err := h.validateBackend(i, seen); err != nil {
			return err
		}
	}
	if err := h.HealthChecks.validate(); err != nil {
		return err
	}
	if err := h.LoadBalancing.validate(); err != nil {
		return err
	}
	if _, err := ParsePrefixes(h.AllowBackends); err != nil {
		return fmt.Errorf("allow_backends: %w", err)
	}
	if err := h.Transport.validate(); err != nil {
		return fmt.Errorf("transport: %w", err)
	}
	return h.Forwarding.validate()
}

// RefersOnly reports whether the handler uses a pool that another one defines:
// it sets nothing that defines a pool. Retry settings belong to the handler.
func (h *Handler) RefersOnly() bool {
	return len(h.Backends) == 0 && h.DynamicRaw == nil && h.HealthChecks == nil &&
		h.Transport == nil && h.AllowBackends == nil && h.Persist == nil && h.LoadBalancing.OfPool() == nil
}

// OfPool returns the settings that define the pool, and not how one handler
// retries; nil if there are none.
func (lb *LoadBalancing) OfPool() *LoadBalancing {
	if lb == nil {
		return nil
	}
	part := *lb
	part.Retry = Retry{}
	if reflect.ValueOf(part).IsZero() {
		return nil
	}
	return &part
}

// validateBackend checks one backend; seen maps addresses and ids of those
// before it to their index.
func (h *Handler) validateBackend(i int, seen map[string]int) error {
	b := &h.Backends[i]
	addr, err := b.Validate()
	if err != nil {
		return err
	}
	if err := h.Transport.CheckScheme(b.Address, addr); err != nil {
		return err
	}
	id := b.ID
	if id == "" {
		id = addr.DefaultID()
	}
	for _, key := range []string{"address " + addr.String(), "id " + id} {
		if first, dup := seen[key]; dup {
			return fmt.Errorf("backend %q: %s is already taken by backend %q", b.Address, key, h.Backends[first].Address)
		}
		seen[key] = i
	}
	if err := b.Health.validate(); err != nil {
		return fmt.Errorf("backend %q: %w", b.Address, err)
	}
	if err := h.activeHealth().Overlay(b.Health).validate(); err != nil {
		return fmt.Errorf("backend %q: %w", b.Address, err)
	}
	return nil
}

func (h *Handler) activeHealth() *ActiveHealth {
	if h.HealthChecks == nil {
		return nil
	}
	return h.HealthChecks.Active
}

// Validate checks the backend's fields and returns its parsed address.
func (b *Backend) Validate() (Address, error) {
	text := ReplaceGlobal(b.Address)
	addr, err := ParseAddress(text)
	if err != nil {
		if text != b.Address { // say whose value is wrong
			err = fmt.Errorf("backend %q: %w", b.Address, err)
		}
		return Address{}, err
	}
	if b.ID != "" {
		if err := CheckID(b.ID); err != nil {
			return Address{}, fmt.Errorf("backend %q: %w", b.Address, err)
		}
	}
	if b.Weight < 0 || b.Weight > MaxWeight {
		return Address{}, fmt.Errorf("backend %q: weight %d is not within 1 to %d", b.Address, b.Weight, MaxWeight)
	}
	if b.Priority < 0 || b.Priority > MaxPriority {
		return Address{}, fmt.Errorf("backend %q: priority %d is not within 0 to %d", b.Address, b.Priority, MaxPriority)
	}
	if b.MaxRequests < 0 {
		return Address{}, fmt.Errorf("backend %q: max_requests %d is negative", b.Address, b.MaxRequests)
	}
	if err := CheckLabels(b.Labels); err != nil {
		return Address{}, fmt.Errorf("backend %q: %w", b.Address, err)
	}
	return addr, nil
}

// CheckLabels returns an error if there are too many labels, or a key or value
// is empty or too long.
func CheckLabels(labels map[string]string) error {
	if len(labels) > MaxLabels {
		return fmt.Errorf("%d labels are more than %d", len(labels), MaxLabels)
	}
	for key, value := range labels {
		if key == "" || len(key) > MaxLabelLen || len(value) > MaxLabelLen {
			return fmt.Errorf("label %.40q: keys have 1 to %d bytes and values at most as many", key, MaxLabelLen)
		}
	}
	return nil
}

func (hc *HealthChecks) validate() error {
	if hc == nil {
		return nil
	}
	switch hc.Initial {
	case "", InitialUp, InitialDown:
	default:
		return fmt.Errorf("health_initial %q is neither %q nor %q", hc.Initial, InitialUp, InitialDown)
	}
	if err := hc.Active.validate(); err != nil {
		return err
	}
	return hc.Passive.validate()
}

func (a *ActiveHealth) validate() error {
	if a == nil {
		return nil
	}
	if a.Interval < 0 {
		return fmt.Errorf("health_interval %s is negative", duration(a.Interval))
	}
	if a.Timeout < 0 {
		return fmt.Errorf("health_timeout %s is negative", duration(a.Timeout))
	}
	if a.Passes < 0 || a.Fails < 0 {
		return fmt.Errorf("health_passes %d and health_fails %d must not be negative", a.Passes, a.Fails)
	}
	if a.MaxSize < 0 {
		return fmt.Errorf("max_size %d is negative", a.MaxSize)
	}
	if a.Port < 0 || a.Port > 65535 {
		return fmt.Errorf("health_port %d is not a port", a.Port)
	}
	if a.Upstream != "" {
		if a.Port != 0 {
			return fmt.Errorf("health_port %d and health_upstream %q exclude each other", a.Port, a.Upstream)
		}
		if _, _, err := net.SplitHostPort(a.Upstream); err != nil {
			return fmt.Errorf("health_upstream %q: %w", a.Upstream, err)
		}
	}
	switch a.Scheme {
	case "", "http", "https":
	default:
		return fmt.Errorf("health_scheme %q is neither http nor https", a.Scheme)
	}
	if err := checkStatus("health_status", a.ExpectStatus); err != nil {
		return err
	}
	if a.URI != "" {
		if u, err := url.ParseRequestURI(a.URI); err != nil || !strings.HasPrefix(a.URI, "/") || u.Host != "" {
			return fmt.Errorf("health_uri %q is not a path with an optional query", a.URI)
		}
	}
	if _, err := regexp.Compile(a.ExpectBody); err != nil {
		return fmt.Errorf("health_body %q: %w", a.ExpectBody, err)
	}
	return nil
}

// checkStatus allows status codes, and classes of them as one digit.
func checkStatus(what string, codes []int) error {
	for _, code := range codes {
		if (code < 1 || code > 5) && (code < 100 || code > 599) {
			return fmt.Errorf("%s %d is neither a status code nor a class of them", what, code)
		}
	}
	return nil
}

func (lb *LoadBalancing) validate() error {
	if lb == nil {
		return nil
	}
	switch lb.AllDown {
	case "", AllDownFail, AllDownIgnoreHealth:
	default:
		return fmt.Errorf("all_down %q is neither %q nor %q", lb.AllDown, AllDownFail, AllDownIgnoreHealth)
	}
	if f := lb.BoundedLoad; f != nil && !(*f >= MinBoundedLoad && *f <= MaxBoundedLoad) { // nor if it is no number
		return fmt.Errorf("bounded_load %v is not within %v to %v", *f, MinBoundedLoad, MaxBoundedLoad)
	}
	if err := lb.Sticky.validate(lb.PolicyRaw); err != nil {
		return err
	}
	if lb.SlowStart < 0 {
		return fmt.Errorf("slow_start %s is negative", duration(lb.SlowStart))
	}
	if lb.Retries < 0 {
		return fmt.Errorf("lb_retries %d is negative", lb.Retries)
	}
	if lb.TryDuration < 0 {
		return fmt.Errorf("lb_try_duration %s is negative", duration(lb.TryDuration))
	}
	if lb.TryInterval < 0 {
		return fmt.Errorf("lb_try_interval %s is negative", duration(lb.TryInterval))
	}
	if err := lb.Queue.validate(); err != nil {
		return err
	}
	return lb.RetryBudget.validate()
}

func (b *RetryBudget) validate() error {
	if b == nil {
		return nil
	}
	if p := b.Percent; p != nil && (*p < 0 || *p > 100) {
		return fmt.Errorf("retry_budget %d is not within 0 to 100 percent", *p)
	}
	if n := b.MinConcurrent; n != nil && *n < 0 {
		return fmt.Errorf("retry_budget: minimum %d is negative", *n)
	}
	return nil
}

func (f *Forwarding) validate() error {
	if _, err := ParsePrefixes(f.TrustedProxies); err != nil {
		return fmt.Errorf("trusted_proxies: %w", err)
	}
	if f.RequestBuffers < -1 || f.ResponseBuffers < -1 {
		return fmt.Errorf("request_buffers %d and response_buffers %d must be -1 (no limit) or more", f.RequestBuffers, f.ResponseBuffers)
	}
	if f.StreamBufferSize < 0 {
		return fmt.Errorf("stream_buffer_size %d is negative", f.StreamBufferSize)
	}
	if err := f.validateClients(); err != nil {
		return err
	}
	for _, name := range f.Upgrades {
		if name == "" || strings.EqualFold(name, "h2c") || strings.ContainsFunc(name, notToken) {
			return fmt.Errorf("upgrades: %q is not a protocol that can be switched to", name)
		}
	}
	return nil
}

func notToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),:;<=>?@[\]{}`, r)
}

// ParsePrefixes parses CIDR ranges; a single address is a range of one.
func ParsePrefixes(list []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		if strings.Contains(s, "/") {
			p, err := netip.ParsePrefix(s)
			if err != nil {
				return nil, fmt.Errorf("%q is not an IP range: %w", s, err)
			}
			prefixes = append(prefixes, p)
			continue
		}
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%q is not an IP address: %w", s, err)
		}
		prefixes = append(prefixes, netip.PrefixFrom(ip, ip.BitLen()))
	}
	return prefixes, nil
}
