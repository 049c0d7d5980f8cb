package operate

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// clientCount is how many clients a load has.
const clientCount = 8

var began = time.Now()

// now is the time, which goes on evenly.
func now() int64 { return int64(time.Since(began)) }

// load is a number of clients that send one request after the other. Each
// response must be the one to its request.
type load struct {
	url    string
	ids    atomic.Int64
	stop   chan struct{}
	ending sync.WaitGroup

	mu     sync.Mutex
	good   int
	failed int
	first  []string       // of the failures
	since  int64          // when the requests were sent at the earliest that count here:
	by     map[string]int // good responses by backend and version
}

func startLoad(t *testing.T, front string) *load {
	t.Helper()
	l := &load{url: "http://" + front + "/", stop: make(chan struct{}), by: make(map[string]int)}
	for range clientCount {
		l.ending.Go(func() {
			transport := &http.Transport{DisableCompression: true}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: process.Patience}
			for {
				select {
				case <-l.stop:
					return
				default:
					l.request(client)
				}
			}
		})
	}
	t.Cleanup(func() { l.end(t) })
	return l
}

// request sends a request with its id and, every other time, a body.
func (l *load) request(client *http.Client) {
	id := l.ids.Add(1)
	text := strconv.FormatInt(id, 10)
	method, body := http.MethodGet, ""
	if id%2 == 0 {
		method, body = http.MethodPost, strings.Repeat(text+",", int(id%500))
	}
	req, err := http.NewRequest(method, l.url+text, strings.NewReader(body))
	if err != nil {
		l.fail("%d: %v", id, err)
		return
	}
	req.Header.Set("Request-Id", text)
	sent := now()
	req.Header.Set("X-Sent", strconv.FormatInt(sent, 10))
	resp, err := client.Do(req)
	if err != nil {
		l.fail("%d: %v", id, err)
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if want := text + " " + body; err != nil || resp.StatusCode != http.StatusOK || string(got) != want {
		l.fail("%s %d: status %d: %v: %.200s", method, id, resp.StatusCode, err, got)
		return
	}
	l.mu.Lock()
	if l.good++; sent >= l.since {
		l.by[resp.Header.Get("Backend")+" v"+resp.Header.Get("Version")]++
	}
	l.mu.Unlock()
}

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed++
	if len(l.first) < 5 {
		l.first = append(l.first, fmt.Sprintf(format, args...))
	}
}

// more returns once n more good responses have come.
func (l *load) more(t testing.TB, n int) {
	t.Helper()
	want := l.goods() + n
	process.Eventually(t, func() error {
		if got := l.goods(); got < want {
			return fmt.Errorf("%d good responses, waiting for %d: %v", got, want, l.failures())
		}
		return nil
	})
}

func (l *load) goods() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.good
}

// shares returns who has answered requests that were sent after the call, until
// n more responses have come.
func (l *load) shares(t testing.TB, n int) map[string]int {
	t.Helper()
	l.mu.Lock()
	l.since = now()
	clear(l.by)
	l.mu.Unlock()
	l.more(t, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.by)
}

func (l *load) failures() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// end stops the clients; no request may have failed. Calling it again does
// nothing.
func (l *load) end(t testing.TB) {
	t.Helper()
	select {
	case <-l.stop:
		return
	default:
		close(l.stop)
	}
	l.ending.Wait()
	if l.failed > 0 {
		t.Errorf("%d of %d requests have failed, the first ones:\n%s", l.failed, l.ids.Load(), strings.Join(l.first, "\n"))
	}
}
