package proxy

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

func retries(n int) *config.LoadBalancing {
	return &config.LoadBalancing{Retry: config.Retry{Retries: n}}
}

func tryFor(d time.Duration) *config.LoadBalancing {
	return &config.LoadBalancing{Retry: config.Retry{TryDuration: caddy.Duration(d)}}
}

func match(matchers ...string) caddyhttp.RawMatcherSets {
	var sets caddyhttp.RawMatcherSets
	for _, m := range matchers {
		var set caddy.ModuleMap
		if err := json.Unmarshal([]byte(m), &set); err != nil {
			panic(err)
		}
		sets = append(sets, set)
	}
	return sets
}

// bodies is a script that hands on the body of each request, of length n.
func bodies(n int, seen chan<- string) func(*peer) {
	return func(p *peer) {
		for p.head() != "" {
			seen <- p.take(n)
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}
}

// resetting is a script that closes each connection when a request has come.
func resetting(count chan<- struct{}) func(*peer) {
	return func(p *peer) {
		head := p.head()
		if head == "" {
			return
		}
		// a body that nobody has asked for yet could be sent again
		if length := fields(head, "Content-Length"); len(length) == 1 {
			n, err := strconv.Atoi(length[0])
			if err != nil {
				p.t.Error(err)
			}
			p.take(n)
		}
		count <- struct{}{}
	}
}

func TestRefusedDialRepeatsPost(t *testing.T) {
	seen := make(chan string, 4)
	cfg := to(refused(t), rawBackend(t, bodies(5, seen)))
	cfg.LoadBalancing = retries(1)
	h := start(t, cfg)
	for range 4 {
		res, _ := h.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
		wantStatus(t, res, 200)
		wantEqual(t, "body", receive(t, seen, "body"), "hello")
	}
	if got := h.verdicts(); !slices.Contains(got, pool.Failed) || got[len(got)-1] != pool.Answered {
		t.Errorf("verdicts %v", got)
	}
}

func TestRepeatsOnlyWhatIsSafe(t *testing.T) {
	for _, c := range []struct {
		name, request string
		buffers       int64
		match         caddyhttp.RawMatcherSets
		repeated      bool
	}{
		{"GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, nil, true},
		{"POST", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0, nil, false},
		{"POST, matched", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0, match(`{"method": ["POST"]}`), true},
		{"GET, not matched", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, match(`{"method": ["POST"]}`), false},
		{"body, matched", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", 0, match(`{"method": ["POST"]}`), false},
		{"buffered body, matched", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", 10, match(`{"method": ["POST"]}`), true},
		{
			"transport error", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0,
			match(`{"expression": "{http.reverse_proxy.is_transport_error} == true && method('PUT')"}`), true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			count := make(chan struct{}, 100)
			cfg := to(rawBackend(t, resetting(count)), rawBackend(t, resetting(count)))
			cfg.LoadBalancing = retries(1)
			cfg.LoadBalancing.MatchRaw = c.match
			cfg.RequestBuffers = c.buffers
			h := start(t, cfg)
			res, _ := h.exchange(c.request)
			wantStatus(t, res, http.StatusBadGateway)
			want := 1
			if c.repeated {
				want = 2
			}
			wantEqual(t, "requests that backends got", len(count), want)
		})
	}
}

func TestTriedBackendIsLeftAlone(t *testing.T) {
	count := make(chan struct{}, 100)
	cfg := to(rawBackend(t, resetting(count)), rawBackend(t, resetting(count)), rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
	cfg.LoadBalancing = retries(2)
	h := start(t, cfg)
	for range 6 {
		res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		wantStatus(t, res, 200)
	}
}

func TestTryDurationEnds(t *testing.T) {
	cfg := to(refused(t))
	cfg.LoadBalancing = tryFor(300 * time.Millisecond)
	h := start(t, cfg)
	began := time.Now()
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, http.StatusBadGateway)
	if d := time.Since(began); d < 250*time.Millisecond || d > 5*time.Second {
		t.Errorf("ended after %s", d)
	}
	if n := len(h.verdicts()); n < 4 || n > 7 {
		t.Errorf("%d attempts", n)
	}
}

func TestWaitsForBackend(t *testing.T) {
	cfg := to(refused(t))
	cfg.LoadBalancing = tryFor(patience)
	cfg.LoadBalancing.TryInterval = caddy.Duration(patience)
	h := provision(t, cfg)
	h.def.Backends[0].AdminState = pool.Maintenance
	h.pool.Seed(h.def)
	h.serve(nil)
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	spec, err := pool.NewSpec(config.Backend{Address: rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))}, pool.FromConfig)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "request to come in", func() bool { return c.LocalAddr() != nil })
	def := *h.def
	def.Backends = append(slices.Clone(def.Backends), spec)
	h.pool.Seed(&def)
	res, _ := c.response("GET")
	wantStatus(t, res, 200)
}

func TestNobodyAcceptsIs503(t *testing.T) {
	h := provision(t, to(refused(t)))
	h.def.Backends[0].AdminState = pool.Maintenance
	h.pool.Seed(h.def)
	h.serve(nil)
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 503)
	wantEqual(t, "Retry-After", res.Header.Get("Retry-After"), "1")
	wantEqual(t, "error", h.result(0).status, 503)
}

func TestAllFullIs503(t *testing.T) {
	got, goOn := make(chan struct{}, 1), make(chan struct{})
	cfg := to(rawBackend(t, func(p *peer) {
		p.head()
		got <- struct{}{}
		<-goOn
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}))
	cfg.Backends[0].MaxRequests = 1
	h := start(t, cfg)
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	receive(t, got, "first request")
	res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 503)
	wantEqual(t, "Retry-After", res.Header.Get("Retry-After"), "1")
	close(goOn)
	res, _ = c.response("GET")
	wantStatus(t, res, 200)
}

func TestRetriesResponses(t *testing.T) {
	bad := "HTTP/1.1 503 Busy\r\nX-Why: overload\r\nContent-Length: 4\r\n\r\nbusy"
	const onStatus = `{"expression": "{http.reverse_proxy.status_code} == 503 && {http.reverse_proxy.header.X-Why} == 'overload'"}`
	t.Run("until one is good", func(t *testing.T) {
		cfg := to(rawBackend(t, answering(bad)), rawBackend(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
		cfg.LoadBalancing = retries(1)
		cfg.LoadBalancing.MatchRaw = match(onStatus)
		h := start(t, cfg)
		for range 4 {
			res, _ := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			wantStatus(t, res, 200)
		}
	})
	t.Run("the last one is the answer", func(t *testing.T) {
		cfg := to(rawBackend(t, answering(bad)), rawBackend(t, answering(bad)))
		cfg.LoadBalancing = retries(1)
		cfg.LoadBalancing.MatchRaw = match(onStatus)
		h := start(t, cfg)
		res, body := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		wantStatus(t, res, 503)
		wantEqual(t, "body", body, "busy")
		wantEqual(t, "attempts", len(h.verdicts()), 2)
	})
	t.Run("not when the body is gone", func(t *testing.T) {
		cfg := to(rawBackend(t, func(p *peer) {
			p.head()
			p.take(2)
			p.send(bad)
		}))
		cfg.LoadBalancing = retries(1)
		cfg.LoadBalancing.MatchRaw = match(onStatus)
		h := start(t, cfg)
		res, _ := h.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
		wantStatus(t, res, 503)
		wantEqual(t, "attempts", len(h.verdicts()), 1)
	})
}

func TestClientThatLeavesEndsTheWait(t *testing.T) {
	cfg := to(refused(t))
	cfg.LoadBalancing = tryFor(patience)
	h := start(t, cfg)
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "first attempt", func() bool { return len(h.verdicts()) > 0 })
	_ = c.Close()
	if res := h.result(0); res.written != statusClientGone {
		t.Errorf("status %d, error %v", res.written, res.err)
	}
}

func TestBodyOfFailedAttemptIsLeftAlone(t *testing.T) {
	seen := make(chan string, 1)
	cfg := to(refused(t), refused(t), rawBackend(t, bodies(200000, seen)))
	cfg.LoadBalancing = retries(3)
	h := start(t, cfg)
	big := strings.Repeat("0123456789", 20000)
	c := h.dial()
	go func() {
		_, _ = io.WriteString(c.Conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"+big)
	}()
	res, _ := c.response("POST")
	wantStatus(t, res, 200)
	wantEqual(t, "body", receive(t, seen, "body") == big, true)
}
