package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Idle are connections to a proxy that mostly do nothing.
type Idle struct {
	host  string
	path  string
	conns []net.Conn
}

// dialers is how many connections are made at a time.
const dialers = 64

// OpenIdle makes the connections of a job, each with one request.
func OpenIdle(ctx context.Context, job Job) (*Idle, error) {
	target, err := url.Parse(job.URL)
	if err != nil {
		return nil, err
	}
	idle := &Idle{host: target.Host, path: target.Path, conns: make([]net.Conn, job.Connections)}
	errs := make([]error, dialers)
	var dialing sync.WaitGroup
	for d := range dialers {
		dialing.Go(func() {
			for i := d; i < len(idle.conns) && errs[d] == nil; i += dialers {
				errs[d] = idle.open(ctx, i)
			}
		})
	}
	dialing.Wait()
	if err := errors.Join(errs...); err != nil {
		idle.Close()
		return nil, fmt.Errorf("open %d connections: %w", job.Connections, err)
	}
	return idle, nil
}

func (idle *Idle) open(ctx context.Context, i int) (err error) {
	var dialer net.Dialer
	if idle.conns[i], err = dialer.DialContext(ctx, "tcp", idle.host); err != nil {
		return err
	}
	return idle.get(i, idle.path)
}

// Burst sends a request to a path over each of the first n connections at
// once. If it takes long to answer, as many backend connections are needed.
func (idle *Idle) Burst(n int, path string) error {
	errs := make([]error, n)
	var sending sync.WaitGroup
	for i := range n {
		sending.Go(func() { errs[i] = idle.get(i, path) })
	}
	sending.Wait()
	return errors.Join(errs...)
}

// Trickle sends a few requests, over connections picked at random, for some
// time.
func (idle *Idle) Trickle(ctx context.Context, perSecond int, duration time.Duration) error {
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := idle.get(rand.IntN(len(idle.conns)), idle.path); err != nil {
				return err
			}
		}
	}
}

// get sends a request over a connection and reads the answer.
func (idle *Idle) get(i int, path string) error {
	conn := idle.conns[i]
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, idle.host); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// Close closes the connections.
func (idle *Idle) Close() {
	for _, conn := range idle.conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
}
