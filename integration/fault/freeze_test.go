package fault

import "sync"

// freezer stops a backend in the middle of everything.
type freezer struct {
	mu     sync.Mutex
	frozen chan struct{} // closed to go on; nil: not frozen
}

// freeze has the backend neither accept connections, nor read requests, nor
// answer those it has read.
func (f *freezer) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frozen = make(chan struct{})
}

// thaw has the backend go on where it was.
func (f *freezer) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen != nil {
		close(f.frozen)
		f.frozen = nil
	}
}

// pass returns when the backend is not frozen.
func (f *freezer) pass() {
	f.mu.Lock()
	frozen := f.frozen
	f.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
}
