package sticky

import (
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func TestClientIPKeepsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, 3, new(ClientIP))
		specs := specsOf(t, 3)
		anna, bert := &client{ip: "192.0.2.1"}, &client{ip: "192.0.2.2"}
		expectAt := func(c *client, want string) {
			t.Helper()
			if backend, header := c.get(t, p); backend != want || len(header) != 0 {
				t.Errorf("%s was sent to %s, header %v; want %s", c.ip, backend, header, want)
			}
		}
		expectAt(anna, "b0")
		specs[0].AdminState = pool.Drain
		seed(t, p, specs, new(ClientIP))
		expectAt(anna, "b0")
		expectAt(bert, "b1")
		seed(t, p, specs[1:], new(ClientIP))
		expectAt(anna, "b1")
		specs[0].AdminState = pool.Ready
		seed(t, p, specs, new(ClientIP))
		expectAt(anna, "b1")
		expectAt(bert, "b1")
		time.Sleep(maxAway)
		expectAt(anna, "b1")
		time.Sleep(time.Minute)
		expectAt(bert, "b0")
		expectAt(anna, "b1")
	})
}

// A backend that comes back has the clients again that have not come meanwhile.
func TestClientIPOfBackendThatComesBack(t *testing.T) {
	p := newPool(t, 2, new(ClientIP))
	c := &client{ip: "192.0.2.1"}
	c.get(t, p)
	specs := specsOf(t, 2)
	seed(t, p, specs[1:], new(ClientIP))
	seed(t, p, []pool.Spec{specs[1], specs[0]}, new(ClientIP))
	if backend, _ := c.get(t, p); backend != "b0" {
		t.Errorf("sent to %s", backend)
	}
}

// A config that is given up leaves the clients to the one before.
func TestClientIPOverFailedReload(t *testing.T) {
	p := newPool(t, 2, nil)
	specs := specsOf(t, 2)
	before := &pool.Definition{Backends: specs, Policy: first{}, Sticky: new(ClientIP)}
	p.Commit("before", before)
	c := &client{ip: "192.0.2.1"}
	c.get(t, p)
	p.Commit("failing", &pool.Definition{Backends: specs, Policy: first{}})
	p.Withdraw("failing")
	defer p.Withdraw("before")
	specs = specsOf(t, 2)
	specs[0].Priority = 1 // so that the policy picks the other
	p.Commit("after", &pool.Definition{Backends: specs, Policy: first{}, Sticky: new(ClientIP)})
	defer p.Withdraw("after")
	if backend, _ := c.get(t, p); backend != "b0" {
		t.Errorf("sent to %s", backend)
	}
}

func TestClientsApart(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.1:4711", true},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"2001:db8:1:2::1", "[2001:db8:1:2::9]:80", true},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		a, okA := clientOf((&client{ip: test.a}).request())
		b, okB := clientOf((&client{ip: test.b}).request())
		if !okA || !okB || (a == b) != test.same {
			t.Errorf("%s is %x, and %s is %x", test.a, a, test.b, b)
		}
	}
	for _, none := range []string{"@", "/run/caddy.sock", "unknown", "192.0.2"} {
		if _, ok := clientOf((&client{ip: none}).request()); ok {
			t.Errorf("%q is taken for an address", none)
		}
	}
	r := new(client).request() // without Caddy's variables
	r.RemoteAddr = "192.0.2.7:1234"
	if got, ok := clientOf(r); !ok || got != 0xffff<<32|192<<24|2<<8|7 {
		t.Errorf("the peer is %x", got)
	}
	if _, ok := clientOf(nil); ok {
		t.Error("no request has an address")
	}
}

func TestClientIPDoesNotAllocate(t *testing.T) {
	p := newPool(t, 3, new(ClientIP))
	for _, ip := range []string{"192.0.2.1", "2001:db8::1"} {
		c := &client{ip: ip}
		c.get(t, p)
		r := c.request()
		header := make(http.Header)
		var q pool.Request
		if allocs := testing.AllocsPerRun(100, func() {
			q.Reset(nil, r)
			m, err := p.Acquire(&q)
			if err != nil {
				t.Fatal(err)
			}
			q.Settle(m, header, true, false)
			m.Release()
		}); allocs > 0 {
			t.Errorf("%s: %v allocations", ip, allocs)
		}
	}
}

func TestTableForgetsTheOldest(t *testing.T) {
	now := time.Now()
	before := heap()
	tab := newTable()
	const many = 2 * maxClients
	for c := range uint64(many) {
		tab.set(c, c, now)
		tab.get(0, now) // one that stays
	}
	if size := heap() - before; size > 12<<20 {
		t.Errorf("a full table takes %d KiB", size>>10)
	} else {
		t.Logf("a full table takes %d KiB", size>>10)
	}
	if n := tab.len(); n > maxClients || n < maxClients*99/100 {
		t.Errorf("%d clients are remembered, of %d", n, maxClients)
	}
	if b, ok := tab.get(0, now); !ok || b != 0 {
		t.Error("a client was forgotten that was there all the time")
	}
	if _, ok := tab.get(1, now); ok {
		t.Error("the oldest is not forgotten")
	}
	// of the last half of what fits, no shard has had to forget any
	for c := uint64(many - maxClients/2); c < many; c++ {
		if b, ok := tab.get(c, now); !ok || b != c {
			t.Fatalf("client %d is with %d, %v", c, b, ok)
		}
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Clients that are gone make room before a table grows.
func TestTableReusesRoom(t *testing.T) {
	now := time.Now()
	tab := newTable()
	for hour := range 24 {
		for c := range uint64(1000) {
			tab.set(c|uint64(hour)<<32, c, now.Add(time.Duration(hour)*time.Hour))
		}
	}
	if n := tab.len(); n > 2000 {
		t.Errorf("%d clients are remembered, of which 1000 are there", n)
	}
}

func TestTableIsSafe(t *testing.T) {
	tab := newTable()
	now := time.Now()
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			for i := range uint64(20_000) {
				c := i % 500
				if b, ok := tab.get(c, now); ok && b%500 != c {
					t.Errorf("client %d is with %d", c, b)
					return
				}
				tab.set(c, c+500*g, now)
			}
		})
	}
	wg.Wait()
	if n := tab.len(); n != 500 {
		t.Errorf("%d clients", n)
	}
}

func BenchmarkClientIP(b *testing.B) {
	p := newPool(b, 100, new(ClientIP))
	c := &client{ip: "192.0.2.1"}
	c.get(b, p)
	r := c.request()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var q pool.Request
		for pb.Next() {
			q.Reset(nil, r)
			m, _ := p.Acquire(&q)
			m.Release()
		}
	})
}
