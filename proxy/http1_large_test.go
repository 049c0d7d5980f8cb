package proxy

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

const (
	largeBody = 48 << 20
	// largeMemory is what a large body may cost all there is in this process:
	// client, proxy and backend, with their garbage.
	largeMemory = 8 << 20
	// largePatience is for all of it, with the race detector on a busy machine.
	largePatience = time.Minute
)

// noise returns a large body, another one for each seed.
func noise(seed byte) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), largeBody)
}

// digest returns the length and the checksum of what is read.
func digest(r io.Reader) string {
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	return fmt.Sprintf("%d bytes, %x, %v", n, sum.Sum(nil), err)
}

// peakOf returns how much more memory was in use while f ran than before.
func peakOf(f func()) (peak uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before := read()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			if now := read(); now > before {
				peak = max(peak, now-before)
			}
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	}()
	f()
	close(end)
	<-ended
	return peak
}

// Large bodies go both ways at once, whole, and are held nowhere.
func TestLargeBodies(t *testing.T) {
	want := [2]string{digest(noise(0)), digest(noise(1))}
	srv := &harness{t: t, release: func() {}}
	uploads := make(chan string, 1)
	backend := srv.serveHandler(nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		if r.ContentLength >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(largeBody))
		}
		w.WriteHeader(http.StatusOK)
		upload := make(chan string, 1)
		if r.URL.Path == "/in-turn" {
			upload <- digest(r.Body)
		} else {
			go func() { upload <- digest(r.Body) }()
		}
		body := noise(1)
		_, _ = io.CopyN(w, body, largeBody-1)
		uploads <- <-upload // a complete response would end the exchange
		_, _ = io.Copy(w, body)
	}), nil)
	h := start(t, to(backend))
	for _, path := range []string{"/at-once", "/in-turn"} {
		for _, length := range []int64{largeBody, -1} {
			t.Run(fmt.Sprintf("%s, length %d", path, length), func(t *testing.T) {
				conn, err := net.Dial("tcp", h.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(largePatience))
				r, err := http.NewRequest("POST", "http://a"+path, io.NopCloser(noise(0)))
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = length
				peak := peakOf(func() {
					go func() { _ = r.Write(conn) }()
					res, err := http.ReadResponse(bufio.NewReader(conn), r)
					if err != nil {
						t.Error(err)
						return
					}
					wantStatus(t, res, 200)
					wantEqual(t, "length", res.ContentLength, length)
					wantEqual(t, "download", digest(res.Body), want[1])
					wantEqual(t, "upload", receive(t, uploads, "end of the upload"), want[0])
				})
				t.Logf("%.1f MiB", float64(peak)/(1<<20))
				if peak > largeMemory {
					t.Errorf("it took %d bytes of memory", peak)
				}
			})
		}
	}
}

// A client that does not read keeps its backend from sending, and no memory.
func TestSlowClientHoldsNothing(t *testing.T) {
	srv := &harness{t: t, release: func() {}}
	sent := make(chan int64, 1)
	backend := srv.serveHandler(nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n, _ := io.Copy(w, io.MultiReader(noise(1), noise(2), noise(3), noise(4)))
		sent <- n
	}), nil)
	h := start(t, to(backend))
	peak := peakOf(func() {
		c := h.dial()
		c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if head := c.head(); head == "" {
			t.Error("no response")
		}
		select {
		case <-sent:
			t.Error("all was sent to a client that does not read")
		case <-time.After(300 * time.Millisecond): // nothing tells that it has stopped
		}
		_ = c.Close()
		receive(t, sent, "end of the backend's response")
	})
	if peak > largeMemory {
		t.Errorf("it took %d bytes of memory", peak)
	}
	h.result(0)
	h.wantIdle()
}
