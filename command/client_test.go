package command

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

func TestClientOverUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "127.0.0.1" || r.Header.Get("Origin") != "" {
			t.Errorf("Host %q, Origin %q", r.Host, r.Header.Get("Origin"))
		}
		_, _ = w.Write([]byte(`{"pools":[]}`))
	}))
	server.Listener = ln
	server.Start()
	t.Cleanup(server.Close)
	want := result{out: "There is no pool.\n"}
	same(t, "socket", run(t, "status", "--address", "unix/"+socket), want)
	same(t, "socket with permissions", run(t, "status", "--address", "unix/"+socket+"|0220"), want)
}

// TestClientSendsWhatCaddyChecks: Caddy allows some origins alone.
func TestClientSendsWhatCaddyChecks(t *testing.T) {
	f := startFake(t, map[string]string{"GET /load_balance/status": `200 {"pools":[]}`})
	run(t, "status", "--address", f.addr())
	same(t, "Origin", f.headers[0].Get("Origin"), "http://"+f.addr())
}

func TestAdminEndpointFromConfig(t *testing.T) {
	f := startFake(t, map[string]string{"GET /load_balance/status": `200 {"pools":[]}`})
	file := filepath.Join(t.TempDir(), "caddy.json")
	writeFile(t, file, `{"admin": {"listen": "`+f.addr()+`"}}`)
	same(t, "status", run(t, "status", "--config", file), result{out: "There is no pool.\n"})
	got := run(t, "status", "--config", file+".not")
	same(t, "code", got.code, exitUsage)
	contains(t, "error", got.errOut, "caddy.json.not")
}

func TestFailures(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := ln.Addr().String()
	_ = ln.Close()
	tests := []struct {
		answer string
		code   int
		text   string
	}{
		{`403 {"error":"client is not allowed to access from origin"}`, exitRefused, "403 Forbidden: client is not allowed"},
		{`404 {"error":"not found"}`, exitRefused, "has no load balancer"},
		{"404 404 page not found", exitRefused, "has no load balancer"},
		{`500 {"error":"internal error; see the log","code":"internal"}`, exitServer, "Error: internal error; see the log\n"},
		{`503 {"error":"the pool is being changed too often","code":"busy"}`, exitServer, "too often"},
		{"502 ", exitServer, "502 Bad Gateway"},
		{`302 moved`, exitRefused, "302 Found"},
		{"200 <html>", exitServer, "has not answered as the load balancer does"},
		{`409 {"error":"evil \u001b[2J","code":"x"}`, exitRefused, "evil ?[2J"},
	}
	for _, test := range tests {
		f := startFake(t, map[string]string{"GET /load_balance/status": test.answer})
		got := run(t, "status", "--address", f.addr())
		same(t, test.answer, got.code, test.code)
		contains(t, test.answer, got.errOut, test.text)
		same(t, "standard output", got.out, "")
	}
	got := run(t, "status", "--address", gone)
	same(t, "unreachable", got.code, exitUnreachable)
	contains(t, "unreachable", got.errOut, "no answer from the admin endpoint "+gone, "connection refused")
	for _, addr := range []string{"http://localhost:2019", "localhost:1-5", "a:b:c"} {
		got := run(t, "status", "--address", addr)
		same(t, addr, got.code, exitUsage)
		contains(t, addr, got.errOut, addr)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"stauts"},
		{"status", "web"},
		{"status", "--colour"},
		{"add"},
		{"add", "127.0.0.1:1", "127.0.0.1:2", "--id", "x"},
		{"add", "not an address"},
		{"add", "127.0.0.1:1", "--label", "zone"},
		{"add", "127.0.0.1:1", "--label", "a=1", "--label", "a=2"},
		{"remove"},
		{"weight", "a"},
		{"weight", "a", "0"},
		{"weight", "a", "1001"},
		{"weight", "a", "many"},
		{"drain", "a", "--then", "explode"},
		{"drain", "a", "--deadline", "-1s"},
		{"drain", "a", "--deadline", "30"},
		{"try", "example.com"},
		{"try", "http://127.0.0.1/", "-n", "0"},
		{"try", "http://127.0.0.1/", "--concurrency", "0"},
		{"try", "http://127.0.0.1/", "--timeout", "0s"},
		{"try", "http://127.0.0.1/", "--by-header", "X", "-H", "X"},
		{"explain", "cart"},
		{"explain", "/", "--cookie", "lb"},
		{"explain", "/", "--header", "X"},
	} {
		got := run(t, args...)
		if got.code != exitUsage || got.out != "" || got.errOut == "" {
			t.Errorf("%q: %+v", args, got)
		}
	}
	contains(t, "mistyped command", run(t, "stauts").errOut, `unknown command "stauts"`, "did you mean status?")
	help := run(t)
	same(t, "no command", help.code, 0)
	contains(t, "help", help.out, "status", "drain", "exit code", "load-balance [command]")
}
