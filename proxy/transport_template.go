package proxy

import (
	"container/list"
	"fmt"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// maxTemplateTransports is how many resolved addresses of one template keep
// their connections.
const maxTemplateTransports = 256

// templateTransport stands for a backend whose address depends on the request.
type templateTransport struct {
	maker    *transports
	template config.Address

	mu     sync.Mutex
	byAddr map[config.Address]*list.Element
	recent list.List // of *resolved, the last used first
}

// resolved is a transport to one of the addresses that a template stands for.
type resolved struct {
	addr config.Address
	Transport
}

func newTemplateTransport(maker *transports, template config.Address) *templateTransport {
	return &templateTransport{maker: maker, template: template, byAddr: make(map[config.Address]*list.Element)}
}

// resolve returns the transport to the address that the template is for one
// request. Values are put in as they are: a placeholder in a client's value is
// just text, and text that would make it another kind of address is refused.
func (t *templateTransport) resolve(repl *caddy.Replacer) (Transport, error) {
	addr, err := t.expand(repl)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", t.template.String(), err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byAddr[addr]; e != nil {
		t.recent.MoveToFront(e)
		return e.Value.(*resolved).Transport, nil
	}
	if t.recent.Len() >= maxTemplateTransports {
		oldest := t.recent.Remove(t.recent.Back()).(*resolved)
		delete(t.byAddr, oldest.addr)
		oldest.CloseIdle()
	}
	r := &resolved{addr: addr, Transport: t.maker.New(addr).(Transport)}
	t.byAddr[addr] = t.recent.PushFront(r)
	return r.Transport, nil
}

func (t *templateTransport) expand(repl *caddy.Replacer) (config.Address, error) {
	host, err := expandStrictly(repl, t.template.Host)
	if err != nil {
		return config.Address{}, err
	}
	port, err := expandStrictly(repl, t.template.Port)
	if err != nil {
		return config.Address{}, err
	}
	text := host
	switch {
	case t.template.IsUnix():
		if strings.Contains("/"+host+"/", "/../") || strings.ContainsAny(host, "\x00|{}") {
			return config.Address{}, fmt.Errorf("bad socket path %q", host)
		}
		return config.Address{Scheme: t.template.Scheme, Network: t.template.Network, Host: host}, nil
	case strings.ContainsAny(host+port, "/{}@|?#%\\"):
		return config.Address{}, fmt.Errorf("%q is not a host and port", host+":"+port)
	case port != "" && strings.Contains(host, ":") && host[0] != '[':
		text = "[" + host + "]:" + port
	case port != "":
		text = host + ":" + port
	}
	if strings.Trim(text, ":") == "" || strings.HasPrefix(text, ":") {
		return config.Address{}, fmt.Errorf("%q has no host", text)
	}
	addr, err := config.ParseAddress(text)
	if err != nil {
		return config.Address{}, err
	}
	addr.Scheme, addr.Network = t.template.Scheme, t.template.Network
	return addr, nil
}

// expandStrictly replaces placeholders, none of which may be unknown or empty.
func expandStrictly(repl *caddy.Replacer, s string) (string, error) {
	if !strings.Contains(s, "{") {
		return s, nil
	}
	return repl.ReplaceOrErr(s, true, true)
}

// CloseIdle implements pool.Transport.
func (t *templateTransport) CloseIdle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.recent.Front(); e != nil; e = e.Next() {
		e.Value.(*resolved).CloseIdle()
	}
}

var _ pool.Transport = (*templateTransport)(nil)
