package admin

import (
	"net/netip"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// TestAllowBackends makes sure that no way of bringing in a backend, or of
// spelling its address, gets around the config's limits.
func TestAllowBackends(t *testing.T) {
	for _, c := range []struct {
		allow   []netip.Prefix
		address string
		ok      bool
	}{
		{nil, "127.0.0.1:9009", true},
		{nil, "10.1.2.3", true},
		{nil, "backend.example", true},
		{nil, "169.254.169.254", false},
		{nil, "http://169.254.169.254:80/", false},
		{nil, "[::ffff:169.254.169.254]:80", false},
		{nil, "[fe80::1]:80", false},
		{nil, "0.0.0.0:80", false},
		{nil, "224.0.0.1:80", false},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "10.1.2.3", true},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "https://[::ffff:10.1.2.3]", true},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "11.1.2.3", false},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "127.0.0.1:9009", false},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "backend.example", false},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "unix//run/other.sock", false},
		{[]netip.Prefix{netip.MustParsePrefix("169.254.0.0/16")}, "169.254.1.1", true},
	} {
		for _, op := range []struct {
			operation
			success int
		}{
			{operation{"POST", allBackends, `{"address": "` + c.address + `"}`}, 201},
			{operation{"PUT", allBackends, `[{"address": "127.0.0.1:9001"}, {"address": "` + c.address + `"}]`}, 200},
			{operation{"PUT", allBackends, `[{"address": "127.0.0.1:9002"}, {"id": "127.0.0.1:9001", "address": "` + c.address + `"}]`}, 200},
			{operation{"PATCH", oneBackend, `{"address": "` + c.address + `"}`}, 200},
		} {
			s := newServer(t, nil)
			s.addPool("web", &pool.Definition{Backends: specs(t, two()["web"]), Allow: c.allow})
			rep := s.do(op.method, op.path, op.body)
			if c.ok {
				s.want(rep, op.success, "")
				continue
			}
			s.want(rep, 422, pool.CodeAddressNotAllowed)
			if s.ids("web") != "127.0.0.1:9001 127.0.0.1:9002" || s.revision("web") != 1 {
				t.Errorf("%s %s: refused, and done", op.method, op.body)
			}
		}
	}
}
