package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

// kept returns how many free buffers there are, a moment after others.
func kept(l *bufferList) int {
	time.Sleep(time.Millisecond)
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.free)
}

func TestBufferListIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l bufferList
		var taken []*[http1BufferSize]byte
		for range http1MaxBuffers {
			b := l.take()
			if b == nil {
				t.Fatal("no buffer, though there may be more")
			}
			taken = append(taken, b)
		}
		if l.take() != nil {
			t.Error("a buffer beyond the bound")
		}
		l.give(taken[0])
		if got := l.take(); got != taken[0] {
			t.Error("a free buffer was not used again")
		}
		for _, b := range taken {
			l.give(b)
		}
		wantEqual(t, "buffers that are kept", kept(&l), http1MaxBuffers)
		time.Sleep(2 * trimInterval)
		wantEqual(t, "buffers that are kept", kept(&l), 0)
		wantEqual(t, "buffers in use", l.inUse, 0)
	})
}

// What is needed again and again stays; what was needed once goes.
func TestBufferListKeepsWhatIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l bufferList
		var burst [10]*[http1BufferSize]byte
		for i := range burst {
			burst[i] = l.take()
		}
		for _, b := range burst {
			l.give(b)
		}
		for range 50 {
			a, b := l.take(), l.take()
			time.Sleep(trimInterval / 10)
			l.give(a)
			l.give(b)
		}
		wantEqual(t, "buffers that are kept", kept(&l), 2)
		time.Sleep(2 * trimInterval)
		wantEqual(t, "buffers that are kept", kept(&l), 0)
		l.give(l.take()) // and it goes on
		wantEqual(t, "buffers that are kept", kept(&l), 1)
		time.Sleep(2 * trimInterval)
		wantEqual(t, "buffers that are kept", kept(&l), 0)
	})
}

// Without large buffers small ones do.
func TestSmallBuffersBeyondTheBound(t *testing.T) {
	var held []*[http1BufferSize]byte
	for b := http1Buffers.take(); b != nil; b = http1Buffers.take() {
		held = append(held, b)
	}
	defer func() {
		for _, b := range held {
			http1Buffers.give(b)
		}
	}()
	body := make([]byte, 3*http1BufferSize)
	h := start(t, to(rawBackend(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 786432\r\n\r\n" + string(body))
	})))
	res, got := h.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	wantStatus(t, res, 200)
	wantEqual(t, "length", len(got), len(body))
}
