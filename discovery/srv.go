package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func init() { caddy.RegisterModule(SRV{}) }

// SRV discovers backends from SRV records (RFC 2782): one backend for each
// target and port. The records' priorities become the backends' priorities,
// numbered from 0 in their order; their weights become the backends' weights.
//
// The domain name to look up is either `_service._proto.name`, made of the
// three fields, or `name` alone.
//
// It is looked up in the background when the config starts and then at the
// refresh interval; requests never wait for it. When a lookup fails, the
// backends of its last answer stay, for as long as it fails. When the answer is
// that there are no records, they go after the second such answer in a row.
type SRV struct {
	// The service, without underscore. May have global placeholders such as
	// `{env.NAME}`, like the next two. Default: none, `name` is all.
	Service string `json:"service,omitempty"`

	// The protocol, without underscore: `tcp` or `udp`. Goes with `service`.
	Proto string `json:"proto,omitempty"`

	// The domain name. Required.
	Name string `json:"name,omitempty"`

	// The time between two lookups, give or take 10 %; at least 100ms.
	// Default: 1m.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	// How long the backends of the last answer are used, after a lookup has
	// failed, before it is tried again. They stay if that fails, too.
	// Default: 1s, doubled on each further failure, up to `refresh`.
	GracePeriod caddy.Duration `json:"grace_period,omitempty"`

	// The DNS servers to ask; one of them is chosen at random for each
	// attempt. Default: the system's resolver.
	Resolver *config.Resolver `json:"resolver,omitempty"`

	// How long connecting to a DNS server may take. A lookup as a whole is
	// given up after 5s in any case. Default: no limit of its own.
	DialTimeout caddy.Duration `json:"dial_timeout,omitempty"`

	// How long to wait before the other address family of a DNS server is
	// tried as well (RFC 6555). Negative turns that off. Default: 300ms.
	FallbackDelay caddy.Duration `json:"dial_fallback_delay,omitempty"`

	// The network on which the backends are connected to: `tcp`, `tcp4` or
	// `tcp6`. Default: `tcp`, which is IPv4 or IPv6.
	DialNetwork string `json:"dial_network,omitempty"`

	service, proto, name string
	resolver             *net.Resolver
}

// CaddyModule returns the Caddy module information.
func (SRV) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  namespace + ".srv",
		New: func() caddy.Module { return new(SRV) },
	}
}

// Provision checks the configuration. Nothing is looked up yet.
func (s *SRV) Provision(caddy.Context) (err error) {
	if s.service, err = expand("service", s.Service); err != nil {
		return err
	}
	if s.proto, err = expand("proto", s.Proto); err != nil {
		return err
	}
	if s.name, err = expand("name", s.Name); err != nil {
		return err
	}
	if err := s.checkName(); err != nil {
		return err
	}
	if s.GracePeriod < 0 {
		return fmt.Errorf("grace_period %s is negative", time.Duration(s.GracePeriod))
	}
	if s.GracePeriod > 0 && time.Duration(s.GracePeriod) < minRefresh {
		return fmt.Errorf("grace_period %s is shorter than %s", time.Duration(s.GracePeriod), minRefresh)
	}
	switch s.DialNetwork {
	case "", "tcp", "tcp4", "tcp6":
	default:
		return fmt.Errorf("dial_network %q is none of tcp, tcp4, tcp6", s.DialNetwork)
	}
	s.resolver, err = dnsSettings{
		refresh: s.Refresh, resolver: s.Resolver, dialTimeout: s.DialTimeout, fallbackDelay: s.FallbackDelay,
	}.newResolver()
	return err
}

func (s *SRV) checkName() error {
	if s.name == "" {
		return errors.New("name is missing")
	}
	if (s.service == "") != (s.proto == "") {
		return fmt.Errorf("service %q and proto %q go together", s.service, s.proto)
	}
	if strings.HasPrefix(s.service, "_") || strings.HasPrefix(s.proto, "_") {
		return fmt.Errorf("service %q and proto %q must be without underscore in front", s.service, s.proto)
	}
	if strings.Contains(s.service, ".") || strings.Contains(s.proto, ".") {
		return fmt.Errorf("service %q and proto %q must be without dots", s.service, s.proto)
	}
	addr, err := config.ParseAddress(s.domain())
	if err != nil {
		return err
	}
	if _, isIP := addr.IP(); isIP || !strings.EqualFold(addr.Host, s.domain()) {
		return fmt.Errorf("name %q is not a domain name", s.name)
	}
	return nil
}

// domain returns the whole name that is looked up.
func (s *SRV) domain() string {
	if s.service == "" {
		return s.name
	}
	return "_" + s.service + "._" + s.proto + "." + s.name
}

// Lookups implements [Source].
func (s *SRV) Lookups() []Lookup {
	return []Lookup{{
		Name:    "SRV " + s.domain(),
		Refresh: time.Duration(s.Refresh),
		Retry:   time.Duration(s.GracePeriod),
		Find:    s.find,
	}}
}

func (s *SRV) find(ctx context.Context) ([]config.Backend, error) {
	_, records, err := s.resolver.LookupSRV(ctx, s.service, s.proto, s.name)
	if len(records) == 0 && err != nil {
		if isEmptyAnswer(err) {
			return nil, nil
		}
		return nil, err
	}
	// an error beside records says that some were malformed
	if len(records) == 1 && records[0].Target == "." {
		return nil, nil // how a domain says that it has no such service
	}
	backends, leftOut := s.backends(records)
	return backends, errors.Join(err, leftOut)
}

// backends returns the backends that the records stand for.
func (s *SRV) backends(records []*net.SRV) ([]config.Backend, error) {
	var leftOut error
	records = slices.DeleteFunc(slices.Clone(records), func(r *net.SRV) bool {
		if r.Port != 0 && r.Target != "." {
			return false
		}
		leftOut = fmt.Errorf("target %q with port %d is not a server", r.Target, r.Port)
		return true
	})
	slices.SortStableFunc(records, func(a, b *net.SRV) int { return cmp.Compare(a.Priority, b.Priority) })
	backends := make([]config.Backend, 0, len(records))
	for tier := 0; len(records) > 0; tier++ {
		end := slices.IndexFunc(records, func(r *net.SRV) bool { return r.Priority != records[0].Priority })
		if end < 0 {
			end = len(records)
		}
		if tier > config.MaxPriority {
			return backends, errors.Join(leftOut, fmt.Errorf("there are more than %d priorities", config.MaxPriority+1))
		}
		backends = append(backends, s.tier(tier, records[:end])...)
		records = records[end:]
	}
	return backends, leftOut
}

// tier returns the backends of one priority. Weights above the largest that a
// backend can have are scaled down with all others of the tier; a weight of 0,
// which RFC 2782 has picked rarely, becomes 1.
func (s *SRV) tier(priority int, records []*net.SRV) []config.Backend {
	largest := 0
	for _, r := range records {
		largest = max(largest, int(r.Weight))
	}
	backends := make([]config.Backend, len(records))
	for i, r := range records {
		weight := int(r.Weight)
		if largest > config.MaxWeight {
			weight = (weight*config.MaxWeight + largest/2) / largest
		}
		address := net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port)))
		if s.DialNetwork != "" {
			address = s.DialNetwork + "/" + address
		}
		backends[i] = config.Backend{Address: address, Priority: priority, Weight: max(1, weight)}
	}
	return backends
}

// Interface guards
var (
	_ caddy.Provisioner = (*SRV)(nil)
	_ Source            = (*SRV)(nil)
)
