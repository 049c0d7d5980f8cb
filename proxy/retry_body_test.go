package proxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// bytesOf returns n bytes that are not the same twice.
func bytesOf(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = src.Read(b)
	return b
}

// sentBody is a way to send a body.
type sentBody struct {
	name   string
	framed func(body []byte) string
}

var framings = []sentBody{
	{"Content-Length", func(b []byte) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(b), b) }},
	{"one chunk", func(b []byte) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n", chunk(b))
	}},
	{"many chunks", func(b []byte) string {
		var s strings.Builder
		s.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for i := 0; i < len(b); i += 7000 {
			s.WriteString(chunk(b[i:min(i+7000, len(b))]))
		}
		return s.String() + "0\r\n\r\n"
	}},
	{"trailers", func(b []byte) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n%s0\r\nX-Sum: 1\r\n\r\n", chunk(b))
	}},
}

func chunk(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return fmt.Sprintf("%x\r\n%s\r\n", len(b), b)
}

// failsBody is a backend that ends a request after it has read some of its
// body, and hands on the bodies of those behind it.
type failsBody struct {
	mu     sync.Mutex
	failed bool
	after  int64 // bytes
	got    chan gotBody
}

type gotBody struct {
	body    []byte
	trailer string
	length  int64
}

// ServeHTTP implements http.Handler.
func (f *failsBody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	first := !f.failed
	f.failed = true
	f.mu.Unlock()
	if first {
		_, _ = io.CopyN(io.Discard, r.Body, f.after)
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	f.got <- gotBody{body, r.Trailer.Get("X-Sum"), r.ContentLength}
	w.WriteHeader(http.StatusOK)
}

// httpBackend runs a backend on net/http's server.
func httpBackend(t *testing.T, handler http.Handler) string {
	t.Helper()
	return (&harness{t: t, release: func() {}}).serveHandler(nil, handler, nil)
}

func TestBufferedBodyIsRepeatedWhole(t *testing.T) {
	const limit = 20_000
	for _, framing := range framings {
		for _, size := range []int{1, limit - 1, limit} {
			for _, after := range []int64{0, 1, int64(size)} {
				t.Run(fmt.Sprintf("%s, %d of %d bytes", framing.name, after, size), func(t *testing.T) {
					backend := &failsBody{after: after, got: make(chan gotBody, 1)}
					addr := httpBackend(t, backend)
					cfg := to(addr)
					cfg.LoadBalancing = retries(2)
					cfg.LoadBalancing.MatchRaw = match(`{"method": ["POST"]}`)
					cfg.RequestBuffers = limit
					h := start(t, cfg)
					body := bytesOf(size)
					c := h.dial()
					go c.send("POST / HTTP/1.1\r\nHost: a\r\n" + framing.framed(body))
					res, _ := c.response("POST")
					wantStatus(t, res, http.StatusOK)
					got := receive(t, backend.got, "body")
					if !bytes.Equal(got.body, body) {
						t.Errorf("%d bytes, which are not those that were sent", len(got.body))
					}
					if framing.name == "trailers" {
						wantEqual(t, "trailer", got.trailer, "1")
					} else {
						wantEqual(t, "length", got.length, int64(size))
					}
					wantEqual(t, "attempts", len(h.verdicts()), 2)
				})
			}
		}
	}
}

// A body that does not fit is not repeated once more of it was sent than is
// remembered, whatever the matcher says, and is sent whole if nothing was.
func TestBodyBeyondTheBuffer(t *testing.T) {
	const limit = 20_000
	for _, framing := range framings {
		t.Run(framing.name, func(t *testing.T) {
			body := bytesOf(3 * limit)
			backend := &failsBody{after: limit + 2, got: make(chan gotBody, 1)}
			addr := httpBackend(t, backend)
			start := func(cfg *config.Handler) *harness {
				cfg.LoadBalancing = retries(2)
				cfg.LoadBalancing.MatchRaw = match(`{"method": ["POST"]}`)
				cfg.RequestBuffers = limit
				return start(t, cfg)
			}
			h := start(to(addr))
			c := h.dial()
			go c.send("POST / HTTP/1.1\r\nHost: a\r\n" + framing.framed(body))
			res, _ := c.response("POST")
			wantStatus(t, res, http.StatusBadGateway)
			wantEqual(t, "attempts", len(h.verdicts()), 1)

			h = start(to(refused(t), addr))
			for range 2 { // each begins with the one that refuses
				c := h.dial()
				go c.send("POST / HTTP/1.1\r\nHost: a\r\n" + framing.framed(body))
				res, _ := c.response("POST")
				wantStatus(t, res, http.StatusOK)
				if got := receive(t, backend.got, "body"); !bytes.Equal(got.body, body) {
					t.Errorf("%d bytes, which are not those that were sent", len(got.body))
				}
			}
			wantEqual(t, "attempts", len(h.verdicts()), 4)
		})
	}
}

// A backend may answer before it has read the body; a retry sends all of it.
func TestRetryOfAnEarlyAnswer(t *testing.T) {
	body := bytesOf(300_000)
	got := make(chan string, 1)
	cfg := to(rawBackend(t, func(p *peer) {
		if p.head() != "" {
			p.take(1000)
			p.send(closing(bad503))
			p.rest()
		}
	}), rawBackend(t, func(p *peer) {
		for p.head() != "" {
			got <- p.take(len(body))
			p.send(string(good))
		}
	}))
	cfg.LoadBalancing = retries(1)
	cfg.LoadBalancing.MatchRaw = match(expression(`{rp.status_code} == 503`))
	cfg.RequestBuffers = 1 << 20
	h := start(t, cfg)
	for range 4 {
		c := h.dial()
		go c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		res, _ := c.response("POST")
		wantStatus(t, res, http.StatusOK)
		wantEqual(t, "body is the same", receive(t, got, "body") == string(body), true)
	}
}

// A client that goes on sending behind what fits is told at once what came of
// it, and its connection ends.
func TestBodyThatIsStillComingIsNotRepeated(t *testing.T) {
	cfg := to(rawBackend(t, func(p *peer) { p.head(); p.take(10) }), rawBackend(t, func(p *peer) { p.head(); p.take(10) }))
	cfg.LoadBalancing = retries(3)
	cfg.LoadBalancing.MatchRaw = match(`{"method": ["POST"]}`)
	cfg.RequestBuffers = 5
	h := start(t, cfg)
	c := h.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 20))
	res, _ := c.response("POST")
	wantStatus(t, res, http.StatusBadGateway)
	wantEqual(t, "attempts", len(h.verdicts()), 1)
	wantEqual(t, "rest", c.rest(), "")
}

func TestBufferGrowsWithWhatComes(t *testing.T) {
	for _, c := range []struct {
		size      int
		announced int64
		limit     int64
		most      int
	}{
		{100, 100, 1 << 20, 101},
		{100, -1, 1 << 20, firstBuffer},
		{100, 1 << 40, -1, firstBuffer}, // announced, but it does not come
		{50_000, 50_000, 1 << 20, 50_001},
		{50_000, -1, 60_000, 60_001},
		{50_000, 50_000, 50_000, 50_001},
		{1 << 20, 1 << 20, 10_000, 10_001},
		{1 << 20, -1, 10_000, 10_001},
		{300_000, -1, -1, 2*300_000 + firstBuffer},
	} {
		b := &clientBody{
			src:    io.NopCloser(bytes.NewReader(bytesOf(c.size))),
			client: (&http.Request{ContentLength: c.announced}).WithContext(context.Background()),
		}
		fits, err := b.buffer(c.limit)
		if err != nil || fits != (c.limit < 0 || int64(c.size) <= c.limit) {
			t.Errorf("%+v: fits: %t, error %v", c, fits, err)
		}
		if cap(b.prefix) > c.most {
			t.Errorf("%+v: %d bytes of memory", c, cap(b.prefix))
		}
		if want := bytesOf(c.size)[:len(b.prefix)]; !bytes.Equal(b.prefix, want) || fits && len(want) != c.size {
			t.Errorf("%+v: %d bytes, which are not those that were sent", c, len(b.prefix))
		}
	}
}

// Memory for bodies is bounded by the limit for each request in flight.
func TestMemoryOfManyBufferedBodies(t *testing.T) {
	const clients, limit, size = 100, 32 << 10, 1 << 20
	arrived, goOn := make(chan struct{}, clients), make(chan struct{})
	cfg := to(rawBackend(t, func(p *peer) {
		if p.head() != "" {
			arrived <- struct{}{}
			<-goOn
			p.take(size)
			p.send(string(good))
		}
	}))
	cfg.RequestBuffers = limit
	h := start(t, cfg)
	before := heapInUse()
	body := bytesOf(size)
	var wg sync.WaitGroup
	for range clients {
		c := h.dial()
		wg.Go(func() {
			c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size))
			_, _ = c.Write(body)
			res, _ := c.response("POST")
			wantEqual(t, "status", res.StatusCode, http.StatusOK)
		})
	}
	for range clients {
		receive(t, arrived, "request")
	}
	each := (heapInUse() - before) / clients
	t.Logf("%d KiB of memory for each request", each>>10)
	if each > 8*limit { // with buffers of the connections and of the test
		t.Errorf("%d bytes of memory for each request", each)
	}
	close(goOn)
	wg.Wait()
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}
