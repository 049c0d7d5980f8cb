package compare

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// tally is what clients have got.
type tally struct {
	mu       sync.Mutex
	statuses map[int]int // 0: no response, or one that broke off
	requests int
}

func (t *tally) add(status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.statuses == nil {
		t.statuses = make(map[int]int)
	}
	t.statuses[status]++
	t.requests++
}

// errors returns how many did not get 200.
func (t *tally) errors() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.requests - t.statuses[http.StatusOK]
}

// clients are some that send one request after the other, until next says that
// it is enough.
func (s *site) clients(n int, next func() bool, request func() *http.Request) *tally {
	s.t.Helper()
	client := newClient(s.t, n)
	result := new(tally)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for next() {
				result.add(send(client, request()))
			}
		})
	}
	wg.Wait()
	return result
}

func newClient(t *testing.T, n int) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: n, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// send returns the status of the response, 0 if it is not whole.
func send(client *http.Client, r *http.Request) int {
	res, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0
	}
	return res.StatusCode
}

// get returns a request for the site.
func (s *site) get() *http.Request {
	r, err := http.NewRequest(http.MethodGet, "http://"+s.front+"/", nil)
	if err != nil {
		panic(err)
	}
	return r
}

// times is enough after n.
func times(n int) func() bool {
	var mu sync.Mutex
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		n--
		return n >= 0
	}
}

// until is enough when the channel is closed; there is a pause before each
// request.
func until(done <-chan struct{}, pause time.Duration) func() bool {
	return func() bool {
		time.Sleep(pause) // the pace of the clients
		select {
		case <-done:
			return false
		default:
			return true
		}
	}
}

// during is enough after a time; there is a pause before each request.
func during(d, pause time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool {
		time.Sleep(pause) // the pace of the clients
		return time.Now().Before(end)
	}
}
