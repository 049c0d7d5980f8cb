package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// server is a Caddy that the commands operate.
type server struct {
	t     *testing.T
	home  string
	admin string
	front string
	caddy *process.Process

	client *http.Client // of front
}

// serve starts a load balancer with `caddy load-balance run` and the flags.
func serve(t *testing.T, flags ...string) *server {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	s := &server{
		t: t, home: t.TempDir(), admin: process.Addr(t), front: process.Addr(t),
		client: &http.Client{Transport: transport, Timeout: process.Patience},
	}
	s.caddy = s.start(flags...)
	return s
}

// serveConfig starts Caddy with a Caddyfile, whose `admin` option it has.
func serveConfig(t *testing.T, admin, config string) *server {
	t.Helper()
	s := &server{t: t, home: t.TempDir(), admin: admin}
	s.caddy = process.Run(t, process.Options{Binary: suite.Caddy(t, false), Home: s.home, Config: config})
	return s
}

// result is what a command has done.
type result struct {
	code        int
	out, errOut string
}

// do runs `caddy load-balance` with the arguments.
func (s *server) do(args ...string) result {
	s.t.Helper()
	return s.caddyCommand(append([]string{"load-balance"}, args...)...)
}

// must is do for commands that are to succeed. It returns what they print.
func (s *server) must(args ...string) string {
	s.t.Helper()
	r := s.do(args...)
	if r.code != 0 {
		s.t.Fatalf("%v: exit code %d\n%s%s", args, r.code, r.out, r.errOut)
	}
	return r.out
}

func (s *server) caddyCommand(args ...string) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), process.Patience)
	defer cancel()
	cmd := process.Command(ctx, s.home, append([]string{suite.Caddy(s.t, false)}, args...)...)
	cmd.Env = append(cmd.Env, "CADDY_ADMIN="+s.admin)
	return run(s.t, cmd)
}

func run(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatalf("%v: %v", cmd.Args, err)
	} else if ok && exit.ExitCode() < 0 {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out.String(), errs.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// backend starts an HTTP server that answers with its name.
func backend(t *testing.T, name string) (addr string) {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
}

// serveAt starts an HTTP server at the address.
func serveAt(t *testing.T, addr string, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = mustListen(t, addr)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func mustListen(t *testing.T, addr string) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// closedAddr returns an address where nobody listens.
func closedAddr(t *testing.T) string { return process.Addr(t) }

// get returns the body of the answer to a request to the load balancer.
func (s *server) get(path string) (string, error) {
	resp, err := s.client.Get("http://" + s.front + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", resp.StatusCode, body.String())
	}
	return body.String(), nil
}

// documents parses what a command printed with --json, a document on each line.
func documents(t *testing.T, text string) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, doc)
	}
	return list
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: no %q in\n%s", what, part, text)
		}
	}
}
