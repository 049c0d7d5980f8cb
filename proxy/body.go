package proxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var errBodyClosed = errors.New("request body was closed")

// clientBody is the body of a client's request, on its way to the backends
// that the request is tried on.
type clientBody struct {
	src    io.ReadCloser
	client *http.Request // its Trailer is complete once src is read

	mu       sync.Mutex
	w        http.ResponseWriter // reads of src can be ended through it; nil: no longer
	reader   *attemptBody        // for which a read of src is going on
	ended    chan struct{}       // if there is one, is closed when that read has ended
	detached bool                // no read of src begins any more
	cut      bool                // such a read was ended
	canceled bool                // that cancels the client's context
	started  bool                // a read of src has begun
	taken    bool                // one for an attempt, which is not remembered
	finished bool                // src was read to its end
	waited   time.Duration       // for the client
	err      error               // what is wrong with src
	limit    paceLimit
	got      pace       // of src
	endless  bool       // limit does not count: the body is one side of a conversation
	restore  func()     // at the end; may be nil
	prefix   []byte     // read ahead of src
	whole    bool       // prefix is all there is
	ahead    *bodyAhead // what reads it while the request waits; nil: nothing did
	trailer  http.Header
}

// read reads from the client, for an attempt or, if that is nil, ahead of all.
func (b *clientBody) read(reader *attemptBody, p []byte) (int, error) {
	first, err := b.begin(reader)
	if err != nil {
		return 0, err
	}
	if first && reader != nil {
		reader.interim.invite()
	}
	began := time.Now()
	n, err := b.src.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if reader != nil {
		b.waited += time.Since(began)
	}
	b.reader = nil
	if b.ended != nil {
		close(b.ended)
	}
	slow := b.got.add(&b.limit, began, n)
	if err == nil && !b.endless {
		err = slow
	}
	switch {
	case errors.Is(err, io.EOF):
		if !b.finished {
			b.finished = true
			b.trailer = filterTrailer(b.client.Trailer, b.client.Header["Connection"])
		}
	case err != nil && b.cut:
		err = errBodyClosed // it is not the client's
	case err != nil:
		b.err = err
	}
	return n, err
}

// begin takes note of a read of src, unless there is to be none.
func (b *clientBody) begin(reader *attemptBody) (first bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.finished:
		return false, io.EOF
	case b.err != nil:
		return false, b.err
	case b.detached, (b.cut || reader.over()) && !b.whollyRead():
		return false, errBodyClosed
	}
	first = !b.started
	b.started, b.reader = true, reader
	b.taken = b.taken || reader != nil
	return first, nil
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// interrupt ends a read of src that waits for the client on behalf of an
// attempt which is over: net/http waits for its reader before it lets go of
// the request. What is left of src is lost.
func (b *clientBody) interrupt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ahead != nil {
		b.ahead.moved.Broadcast()
	}
	if b.w == nil || b.reader == nil || !b.reader.over() {
		return
	}
	// net/http's HTTP/1 server takes any failed read for the client's leaving,
	// and says so before the read returns
	if failed := b.client.ProtoMajor == 1 && b.client.Context().Err() != nil; !failed {
		b.cut, b.canceled = true, b.client.ProtoMajor == 1
	}
	_ = http.NewResponseController(b.w).SetReadDeadline(longAgo)
}

// wasCut reports whether a read was interrupted, and whether the client's
// context was canceled by that alone.
func (b *clientBody) wasCut() (cut, canceled bool) {
	if b == nil {
		return false, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cut, b.canceled
}

// lingerTime is how long the server may go on reading what is left of an
// HTTP/1 request's body behind the response. It does so for the client to see
// the response; without a limit, one that sends nothing more would keep its
// connection.
const lingerTime = 500 * time.Millisecond

// detach leaves the client's connection to the server, once nothing reads from
// it any more: what happens to a request's body when the handler has returned
// would happen beside what the server does with it.
func (b *clientBody) detach() {
	if b == nil {
		return
	}
	b.mu.Lock()
	if b.w == nil {
		b.mu.Unlock()
		return
	}
	rc := http.NewResponseController(b.w)
	lingers := b.client.ProtoMajor == 1 && !b.cut && !b.whollyRead()
	ended := b.endAhead()
	switch {
	case b.reader == nil && (ended == nil || b.whollyRead()): // nobody waits for the client
	case rc.SetReadDeadline(longAgo) != nil:
		ended = nil // there is no way to end it
	default:
		b.cut = true
		if ended == nil {
			ended = make(chan struct{})
			b.ended = ended
		}
	}
	b.w, b.detached = nil, true
	b.mu.Unlock()
	if ended != nil {
		<-ended
	}
	b.returnAhead()
	if b.restore != nil {
		b.restore()
	}
	if lingers {
		_ = rc.SetReadDeadline(time.Now().Add(lingerTime))
	}
}

// repeatable reports whether the body can be sent from its beginning.
func (b *clientBody) repeatable() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.taken || b.whole || b.finished && b.got.bytes == 0 && len(b.trailer) == 0
}

// complete reports whether all of the body has come from the client.
func (b *clientBody) complete() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whollyRead()
}

func (b *clientBody) whollyRead() bool {
	return b.finished || b.client.ContentLength > 0 && b.got.bytes == b.client.ContentLength
}

// setEndless says that the client may be as slow as it likes.
func (b *clientBody) setEndless() {
	b.mu.Lock()
	b.endless = true
	b.mu.Unlock()
}

// failure returns the error of reading from the client, if there was one.
func (b *clientBody) failure() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// attemptBody is a clientBody as one attempt sends it.
type attemptBody struct {
	body    *clientBody
	guard   *atomic.Pointer[guardConn] // the connection it goes over; nil: one that is known to live
	trailer http.Header                // of the outgoing request
	interim *interimWriter             // of the attempt
	watch   *takeWatch                 // of the attempt; nil: none
	closed  atomic.Bool
	begun   atomic.Bool
	given   int // bytes of body.prefix
}

func newAttemptBody(b *clientBody, guard *atomic.Pointer[guardConn], trailer http.Header) *attemptBody {
	return &attemptBody{body: b, guard: guard, trailer: trailer}
}

// Read implements io.Reader. It leaves the body alone when it would go to a
// connection that turned out to be dead, so that it can go to another.
func (a *attemptBody) Read(p []byte) (int, error) {
	if a.closed.Load() {
		return 0, errBodyClosed
	}
	if !a.begun.Load() {
		if a.guard != nil {
			if g := a.guard.Load(); g != nil && g.broken() {
				return 0, errStale
			}
		}
		a.begun.Store(true)
	}
	a.watch.taken()
	n, err := a.readPrefix(p)
	if n == 0 && err == nil {
		n, err = a.body.read(a, p)
	}
	a.watch.given()
	if errors.Is(err, io.EOF) {
		a.publishTrailer()
	}
	return n, err
}

// readPrefix reads what was read ahead of src, and waits for what is about to be.
// It returns nothing if the rest is to be read from src.
func (a *attemptBody) readPrefix(p []byte) (int, error) {
	b := a.body
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		switch {
		case a.given < len(b.prefix):
			n := copy(p, b.prefix[a.given:])
			a.given += n
			return n, nil
		case b.whole:
			return 0, io.EOF
		case b.ahead == nil || !b.ahead.running:
			return 0, nil
		case b.detached || a.over():
			return 0, errBodyClosed
		}
		began := time.Now()
		b.ahead.moved.Wait()
		b.waited += time.Since(began)
	}
}

// publishTrailer makes the trailer known to the transport, which sends it when
// it has seen the end of the body: in this very goroutine.
func (a *attemptBody) publishTrailer() {
	if a.trailer == nil {
		return
	}
	a.body.mu.Lock()
	defer a.body.mu.Unlock()
	clear(a.trailer)
	maps.Copy(a.trailer, a.body.trailer)
}

// Close implements io.Closer. The client's body stays as it is, unless it is
// being read.
func (a *attemptBody) Close() error {
	a.closed.Store(true)
	a.body.interrupt()
	return nil
}

// over reports whether nothing of the body can be sent any more.
func (a *attemptBody) over() bool {
	if a == nil {
		return false
	}
	if a.closed.Load() || a.guard == nil {
		return a.closed.Load()
	}
	g := a.guard.Load()
	return g != nil && g.tap.isClosed()
}

// again implements http.Request.GetBody, for transports that know that they
// have sent nothing.
func (a *attemptBody) again() (io.ReadCloser, error) {
	if !a.body.repeatable() {
		return nil, errBodyClosed
	}
	again := newAttemptBody(a.body, a.guard, a.trailer)
	again.interim, again.watch = a.interim, a.watch
	return again, nil
}

var _ io.ReadCloser = (*attemptBody)(nil)
