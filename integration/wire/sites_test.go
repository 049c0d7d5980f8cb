package wire

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kind describes sites that are configured alike. Kinds are declared when the
// test binary starts, since Caddy is configured once; a test takes a site of
// the kind it needs, has it for itself, and gives it back when it ends.
type kind struct {
	name string

	// count is how many tests can have such a site at the same time.
	count int

	// server is which of Caddy's servers has it. Default: serverMain.
	server string

	// alone gives each site a server and port of its own, for requests that
	// name no usable host.
	alone bool

	// backends is how many backends each site has. Default: 1.
	backends int

	// scheme is how the backends are spoken to: http (default), https, h2c,
	// or unix.
	scheme string

	// options and transport are merged into the handler's JSON.
	options, transport map[string]any

	free chan *site
	all  []*site
}

// site is a virtual host of Caddy with its backends.
type site struct {
	kind      *kind
	host      string
	port      string // of Caddy's server for plain text
	listeners []net.Listener

	// failuresBefore is how many failures tests before this one have caused.
	failuresBefore int
}

var kinds []*kind

// declare adds a kind. It is called while package variables are initialised.
func declare(k kind) *kind {
	if k.backends == 0 {
		k.backends = 1
	}
	if k.server == "" {
		k.server = serverMain
	}
	k.free = make(chan *site, k.count)
	kinds = append(kinds, &k)
	return &k
}

// bindSites opens the listeners of all backends, so that their addresses can
// be written into Caddy's config.
func bindSites(home string) error {
	for _, k := range kinds {
		for i := range k.count {
			s := &site{kind: k, host: fmt.Sprintf("%s-%d.wire.test", k.name, i)}
			for b := range k.backends {
				network, address := "unix", filepath.Join(home, fmt.Sprintf("%s-%d-%d.sock", k.name, i, b))
				if k.scheme != "unix" {
					port, err := freePort()
					if err != nil {
						return err
					}
					network, address = "tcp", "127.0.0.1:"+port
				}
				ln, err := net.Listen(network, address)
				if err != nil {
					return err
				}
				s.listeners = append(s.listeners, ln)
			}
			k.all = append(k.all, s)
			k.free <- s
		}
	}
	return nil
}

func closeSites() {
	for _, k := range kinds {
		for _, s := range k.all {
			for _, ln := range s.listeners {
				_ = ln.Close() // those of tests that ran are closed already
			}
		}
	}
}

// take gives the test a site of its own.
func (k *kind) take(t testing.TB) *site {
	t.Helper()
	select {
	case s := <-k.free:
		t.Cleanup(func() {
			defer func() { k.free <- s }()
			s.hold(t)
		})
		if told() {
			s.failuresBefore = s.status(t).Failures
		}
		return s
	case <-time.After(2 * patience): // more tests run at a time than there are sites
		t.Fatalf("all %d sites of kind %q are taken", k.count, k.name)
		return nil
	}
}

// address returns the address of a backend.
func (s *site) address(i int) string { return s.listeners[i].Addr().String() }

// listen returns the listener of a backend, which is opened again if another
// test has closed it.
func (s *site) listen(t testing.TB, i int) net.Listener {
	t.Helper()
	addr := s.listeners[i].Addr()
	_ = s.listeners[i].Close()
	if addr.Network() == "unix" {
		_ = os.Remove(addr.String())
	}
	ln, err := net.Listen(addr.Network(), addr.String())
	if err != nil {
		t.Fatalf("backend: %v", err)
	}
	s.listeners[i] = ln
	return ln
}

// hold listens where the test's backends were, so that no other process takes
// their ports until the next test: it may be looking for free ones, too.
func (s *site) hold(t testing.TB) {
	for i := range s.listeners {
		_ = s.listen(t, i)
	}
}

// refuse makes connections to a backend be refused.
func (s *site) refuse(i int) { _ = s.listeners[i].Close() }

// fill puts the site's host in the place of HOST in a message.
func (s *site) fill(raw string) string { return strings.ReplaceAll(raw, "HOST", s.host) }
