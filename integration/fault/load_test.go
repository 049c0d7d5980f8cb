package fault

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// tally is what became of the requests of a load.
type tally struct {
	mu       sync.Mutex
	requests int
	took     []time.Duration // of good ones
	bad      map[uint64]class
	outcomes map[uint64]outcome // of bad ones
}

func newTally() *tally {
	return &tally{bad: map[uint64]class{}, outcomes: map[uint64]outcome{}}
}

func (y *tally) add(o outcome) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.requests++
	if o.class == good {
		y.took = append(y.took, o.took)
		return
	}
	y.bad[o.id], y.outcomes[o.id] = o.class, o
}

// goods returns how many requests there were that went well.
func (y *tally) goods() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.took)
}

// quantile returns the time within which a share of the good requests was
// answered.
func (y *tally) quantile(q float64) time.Duration {
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.took) == 0 {
		return 0
	}
	slices.Sort(y.took)
	return y.took[int(q*float64(len(y.took)-1))]
}

// load is a number of clients that send one request after the other.
type load struct {
	*tally
	busy    gauge // clients that wait for an answer
	stopped chan struct{}
	stop    func()
	running sync.WaitGroup
}

// startLoad has clients send what next returns, until it reports false or the
// load is ended.
func startLoad(t *testing.T, addr string, y *tally, clients int, next func() (ask, bool)) *load {
	t.Helper()
	l := &load{tally: y, stopped: make(chan struct{})}
	l.stop = sync.OnceFunc(func() { close(l.stopped) })
	for range clients {
		l.running.Go(func() {
			c := client{addr: addr}
			defer c.close()
			for {
				select {
				case <-l.stopped:
					return
				default:
				}
				a, more := next()
				if !more {
					return
				}
				l.busy.up()
				o := c.do(a)
				l.busy.down()
				l.add(o)
			}
		})
	}
	t.Cleanup(func() {
		l.stop()
		l.running.Wait()
	})
	return l
}

// end ends the load, once the requests in flight are answered.
func (l *load) end() {
	l.stop()
	l.running.Wait()
}

// more returns once the load has got n more good responses.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	want := l.goods() + n
	eventually(t, func() error {
		if got := l.goods(); got < want {
			return fmt.Errorf("%d good responses, waiting for %d", got, want)
		}
		return nil
	})
}

// inFlight returns once that many clients wait for an answer.
func (l *load) inFlight(t *testing.T, n int64) {
	t.Helper()
	eventually(t, func() error {
		if got := l.busy.now.Load(); got < n {
			return fmt.Errorf("%d clients wait for an answer, want %d", got, n)
		}
		return nil
	})
}

// times returns a next for n requests of a kind.
func times(n int, kind func() ask) func() (ask, bool) {
	var mu sync.Mutex
	return func() (ask, bool) {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 {
			return ask{}, false
		}
		n--
		return kind(), true
	}
}

// always returns a next for requests of a kind without end.
func always(kind func() ask) func() (ask, bool) {
	return func() (ask, bool) { return kind(), true }
}

// compare returns in words how what clients got differs from what they must
// have got, by the ids of the requests. Nothing is missing in either.
func (y *tally) compare(want map[uint64]class) string {
	y.mu.Lock()
	defer y.mu.Unlock()
	var differ []string
	for id, class := range y.bad {
		if want[id] != class {
			o := y.outcomes[id]
			differ = append(differ, fmt.Sprintf("%s %s (%d) got %q after %s, want %q: %v", o.method, o.framing, id, class, o.took, want[id], o.err))
		}
	}
	for id, class := range want {
		if y.bad[id] == "" {
			differ = append(differ, fmt.Sprintf("%d got a good response, want %q", id, class))
		}
	}
	if len(differ) == 0 {
		return ""
	}
	return fmt.Sprintf("%d requests:\n%s", len(differ), strings.Join(differ[:min(len(differ), 10)], "\n"))
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
