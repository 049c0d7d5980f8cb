package proxy

import (
	"sync"
	"time"
)

// stuckError is that of a backend that does not take a request. To those that
// ask for the kind of error it is a timeout.
type stuckError struct{ limit time.Duration }

// Error implements error.
func (e *stuckError) Error() string {
	return "writing request: backend has taken nothing for " + e.limit.String()
}

// Timeout makes it one of those errors that mean a timeout.
func (e *stuckError) Timeout() bool { return true }

// takeWatch watches whether a backend takes a request that net/http sends it.
// What is waited for shows only in what net/http asks for: the next piece of the
// body. Over HTTP/2 and HTTP/3 a connection that works does not mean that this
// request gets anywhere.
type takeWatch struct {
	limit time.Duration
	stuck func()

	mu      sync.Mutex
	timer   *time.Timer
	since   time.Time // of waiting for the backend; zero: it is not its turn
	ended   bool
	tripped bool
}

// watchTaking calls stuck when the backend takes nothing for the time, once it
// was given something. Nil, for no limit, is a watch as well.
func watchTaking(limit time.Duration, stuck func()) *takeWatch {
	if limit <= 0 {
		return nil
	}
	w := &takeWatch{limit: limit, stuck: stuck}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(limit, w.look)
	return w
}

func (w *takeWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	left := w.limit
	if !w.since.IsZero() {
		left -= time.Since(w.since)
	}
	if left > 0 {
		w.timer.Reset(left)
		return
	}
	w.ended, w.tripped = true, true
	w.stuck()
}

// taken says that the backend has taken all that there was.
func (w *takeWatch) taken() { w.turn(time.Time{}) }

// given says that there is more for the backend.
func (w *takeWatch) given() { w.turn(time.Now()) }

func (w *takeWatch) turn(since time.Time) {
	if w == nil {
		return
	}
	w.mu.Lock()
	w.since = since
	w.mu.Unlock()
}

// end ends the watch.
func (w *takeWatch) end() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}

// err returns the error of a backend that was found not to take the request.
func (w *takeWatch) err() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tripped {
		return &stuckError{w.limit}
	}
	return nil
}
