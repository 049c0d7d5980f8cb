package proxy

import (
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// headDelay is how long the head of a response that is flushed at once waits
// for the first bytes of its body, to go out together with them.
const headDelay = time.Millisecond

// quietDelay is how long bytes of a response may wait for more of them where
// no flush_interval is configured. A backend that is slow to go on must not
// keep the client from what it has sent so far.
const quietDelay = 20 * time.Millisecond

// flushInterval returns how often the response is flushed: a negative interval
// is after every write.
func (a *attempt) flushInterval(res *http.Response, incremental bool) time.Duration {
	if res.ContentLength < 0 || incremental || caddyhttp.IsIncremental(res.Header) {
		return -1
	}
	if kind := res.Header["Content-Type"]; len(kind) > 0 && len(kind[0]) >= len("text/event-stream") {
		if kind, _, err := mime.ParseMediaType(kind[0]); err == nil && kind == "text/event-stream" {
			return -1
		}
	}
	if interval := time.Duration(a.proxy.cfg.FlushInterval); interval != 0 {
		return interval
	}
	return quietDelay
}

// flushWriter writes to a client and flushes after every write, or at the
// latest some time after.
type flushWriter struct {
	w        http.ResponseWriter
	flush    func() error
	interval time.Duration

	mu      sync.Mutex // serialises writes and flushes
	timer   *time.Timer
	pending bool // the timer runs
	stopped bool
}

func newFlushWriter(w http.ResponseWriter, interval time.Duration) *flushWriter {
	f := &flushWriter{w: w, flush: http.NewResponseController(w).Flush, interval: interval, pending: true}
	delay := interval
	if delay < 0 {
		delay = headDelay
	}
	f.timer = time.AfterFunc(delay, f.late)
	return f
}

// write writes to the client.
func (f *flushWriter) write(p []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.w.Write(p); err != nil {
		return err
	}
	if f.interval < 0 {
		if f.pending {
			f.pending = false
			f.timer.Stop()
		}
		return f.flush()
	}
	if !f.pending {
		f.pending = true
		f.timer.Reset(f.interval)
	}
	return nil
}

func (f *flushWriter) late() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending && !f.stopped {
		f.pending = false
		_ = f.flush() // an error shows at the next write
	}
}

// stop ends flushing; once it returns, nothing touches the client's response.
func (f *flushWriter) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	f.timer.Stop()
}
