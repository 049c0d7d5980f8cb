package discovery

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// dnsSettings are the fields that the modules which ask DNS have in common, as
// they are configured.
type dnsSettings struct {
	refresh       caddy.Duration
	resolver      *config.Resolver
	dialTimeout   caddy.Duration
	fallbackDelay caddy.Duration
}

// newResolver checks the settings and returns the resolver to ask.
func (s dnsSettings) newResolver() (*net.Resolver, error) {
	if refresh := time.Duration(s.refresh); refresh != 0 && refresh < minRefresh {
		return nil, fmt.Errorf("refresh %s is shorter than %s", refresh, minRefresh)
	}
	if s.dialTimeout < 0 {
		return nil, fmt.Errorf("dial_timeout %s is negative", time.Duration(s.dialTimeout))
	}
	r, err := NewResolver(s.resolver, time.Duration(s.dialTimeout), time.Duration(s.fallbackDelay))
	if err != nil {
		return nil, err
	}
	// a name that is not found in one search domain must not pass for one that
	// does not exist, if asking for it in another domain has failed
	r.StrictErrors = true
	return r, nil
}

// expand replaces the placeholders of a field. Only global ones can be: there
// is no request that others could take their values from.
func expand(field, value string) (string, error) {
	if !strings.ContainsAny(value, "{}") {
		return value, nil
	}
	expanded, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err == nil {
		return expanded, nil
	}
	if strings.Contains(err.Error(), "unrecognized") {
		return "", fmt.Errorf("%s %q: %w: backends are discovered in the background, not for each request, "+
			"so only global placeholders such as {env.NAME} have a value", field, value, err)
	}
	return "", fmt.Errorf("%s %q: %w", field, value, err)
}

// isEmptyAnswer reports whether a lookup's error means that the name certainly
// has no such records, as opposed to a failure to find out.
func isEmptyAnswer(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsNotFound && !dns.IsTimeout && !dns.IsTemporary
	}
	// the name has addresses, but of the other family only
	_, otherFamily := errors.AsType[*net.AddrError](err)
	return otherFamily
}
