package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

const (
	// slowOfEach is how many slow clients there are of each kind, and
	// slowOfEachRace how many with the race detector. With that, two processors
	// have seconds of work when a thousand requests come at once. Dials to the
	// backend time out then whose connections the system has made long ago, as
	// nobody gets to see it: the timers themselves are a second or two late. To
	// Caddy that is a backend which does not answer, and to this test a failure.
	slowOfEach, slowOfEachRace = 1000, 100
	// slowMemory is how much a slow client may cost Caddy: buffers, goroutines
	// and their stacks, for both of its connections, and as much again that was
	// not collected yet.
	slowMemory = 256 << 10
	// slowBuffers is what the large buffers may have, however many clients.
	slowBuffers = 64 << 20
	// raceMemory is how many times as much it is with the race detector.
	raceMemory = 8
	// idleGoroutines is how many may be left, for the idle connections of
	// ordinary clients and, two for each of 128, to the backend.
	idleGoroutines = 300
)

// TestSlowClients has a thousand clients send their requests, and a thousand
// take their responses, byte by byte, and come again whenever they are ended.
// All others must not notice.
func TestSlowClients(t *testing.T) {
	for name, transport := range map[string]string{"http1": "", "net": "max_conns_per_host 100000"} {
		t.Run(name, func(t *testing.T) { slowClients(t, transport) })
	}
}

func slowClients(t *testing.T, transport string) {
	front, port := freeAddr(t), freePort(t)
	startBackend(t, port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if r.URL.Path == "/large" {
			piece := make([]byte, 64<<10)
			for range 1000 {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		}
		_, _ = io.WriteString(w, r.URL.Query().Get("id"))
	}))
	p := startCaddy(t, fmt.Sprintf(`
http://%s {
	load_balance 127.0.0.1:%d {
		pool web
		fail_duration 1h
		max_fails 1
		client_body_timeout 3s 10000
		send_timeout 3s 10000
		transport http {
			%s
		}
	}
}`, front, port, transport), "caddyfile")
	client := newClient(t, nil)
	waitServing(t, client, "http://"+front)
	idle, memory := p.goroutines(t, client), p.peakMemory(t)

	slow, n := &slowOnes{front: front, until: make(chan struct{})}, slowOfEach
	if process.Race {
		n = slowOfEachRace
	}
	for range n {
		slow.run(slow.upload)
		slow.run(slow.download)
	}
	inTime(t, func() error {
		if inFlight := p.inFlight(t, client); inFlight < n {
			return fmt.Errorf("%d requests in flight", inFlight)
		}
		return nil
	})
	good, bad := ordinary(client, front, func() bool { return slow.ended.Load() > int64(2*n) })
	close(slow.until)
	slow.Wait()
	if share := float64(good) / float64(good+bad); share < 0.999 || good < 1000 {
		t.Errorf("%d of %d ordinary requests have succeeded", good, good+bad)
	}
	limit := slowBuffers + int64(2*n)*slowMemory
	if process.Race {
		limit *= raceMemory
	}
	used := p.peakMemory(t) - memory
	t.Logf("%d ordinary requests, %d failed; %d slow clients were ended; %d MiB more, %d KiB for each slow client",
		good+bad, bad, slow.ended.Load(), used>>20, used/int64(2*n)>>10)
	if used > limit {
		t.Errorf("%d MiB of memory for %d slow clients", used>>20, 2*n)
	}
	inTime(t, func() error {
		if inFlight, now := p.inFlight(t, client), p.goroutines(t, client); inFlight != 0 || now > idle+idleGoroutines {
			return fmt.Errorf("%d requests in flight, %d goroutines where there were %d", inFlight, now, idle)
		}
		return nil
	})
	if body := p.api(t, http.MethodGet, "/load_balance/pools/web", "", http.StatusOK); !strings.Contains(body, `"failures":0`) {
		t.Errorf("the backend is to blame: %s", body)
	}
}

// inTime is eventually with the patience that so many clients need.
func inTime(t *testing.T, check func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(2 * time.Minute)
	for range tick.C {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// slowOnes are slow clients that come again.
type slowOnes struct {
	sync.WaitGroup
	front string
	until chan struct{}
	ended atomic.Int64
}

func (s *slowOnes) run(visit func(net.Conn)) {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { // what the system takes in was not taken by the client
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
		})
	}}
	s.Go(func() {
		for {
			select {
			case <-s.until:
				return
			default:
			}
			conn, err := dialer.Dial("tcp", s.front)
			if err != nil {
				continue
			}
			visit(conn)
			_ = conn.Close()
			s.ended.Add(1)
		}
	})
}

// now and then, until the connection or the test ends.
func (s *slowOnes) eachMoment(act func() error) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.until:
			return
		case <-tick.C:
			if act() != nil {
				return
			}
		}
	}
}

func (s *slowOnes) upload(conn net.Conn) {
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: "+s.front+"\r\nContent-Length: 1000000\r\n\r\n")
	s.eachMoment(func() error {
		_, err := conn.Write([]byte("x"))
		return err
	})
}

func (s *slowOnes) download(conn net.Conn) {
	_, _ = io.WriteString(conn, "GET /large HTTP/1.1\r\nHost: "+s.front+"\r\n\r\n")
	one := make([]byte, 1)
	s.eachMoment(func() error {
		_, err := conn.Read(one)
		if err == nil {
			_, err = conn.Write([]byte("\r\n")) // or what ended the connection waits behind the response
		}
		return err
	})
}

// ordinary makes requests until enough is said, and counts them.
func ordinary(client *http.Client, front string, enough func() bool) (good, bad int64) {
	var ok, failed atomic.Int64
	var all sync.WaitGroup
	for c := range 8 {
		all.Go(func() {
			for i := 0; !enough() || ok.Load()+failed.Load() < 1000; i++ {
				id := fmt.Sprintf("%d-%d", c, i)
				a, err := send(client, http.MethodGet, "http://"+front+"/?id="+id, "")
				if err == nil && a.StatusCode == http.StatusOK && a.body == id {
					ok.Add(1)
				} else {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	return ok.Load(), failed.Load()
}

// inFlight returns how many requests the pool `web` has.
func (p *proc) inFlight(t *testing.T, client *http.Client) (n int) {
	t.Helper()
	var status struct {
		InFlight int `json:"in_flight"`
	}
	if err := json.Unmarshal([]byte(get(t, client, "http://"+p.Admin+"/load_balance/pools/web").body), &status); err != nil {
		t.Fatal(err)
	}
	return status.InFlight
}

// goroutines returns how many Caddy has.
func (p *proc) goroutines(t *testing.T, client *http.Client) (n int) {
	t.Helper()
	profile := get(t, client, "http://"+p.Admin+"/debug/pprof/goroutine?debug=1").body
	if _, err := fmt.Sscanf(profile, "goroutine profile: total %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// peakMemory returns how much memory Caddy has had at the most.
func (p *proc) peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		var kib int64
		if n, _ := fmt.Sscanf(string(line), "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatal("the system does not say how much memory there was")
	return 0
}
