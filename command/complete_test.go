package command

import (
	"net"
	"strings"
	"testing"
)

func TestCompletion(t *testing.T) {
	f := startFake(t, map[string]string{
		"GET /load_balance/pools":              onePool,
		"GET /load_balance/pools/web/backends": twoServers,
	})
	complete := func(args ...string) string { return proposals(t, append(args, "--address", f.addr())...) }
	same(t, "backends", complete("remove", "--pool", "web"), "web1\tup, 10.0.0.1:80|10.0.0.2:80\tup, 10.0.0.2:80")
	same(t, "begun", proposals(t, "remove", "--address", f.addr(), "we"), "web1\tup, 10.0.0.1:80")
	same(t, "those that are left", complete("remove", "web1"), "10.0.0.2:80\tup, 10.0.0.2:80")
	same(t, "one backend", complete("weight", "web1"), "")
	same(t, "pools", proposals(t, "status", "--address", f.addr(), "--pool", ""), "web")
	same(t, "what follows a drain", proposals(t, "drain", "--then", ""), "remove|maintenance")
	same(t, "sticky", proposals(t, "run", "--sticky", ""), "cookie|client_ip")

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := ln.Addr().String()
	_ = ln.Close()
	same(t, "without a server", proposals(t, "remove", "--address", gone, ""), "")
}

// proposals returns what a shell would propose, the last argument being what
// was begun. Without it, a new one is begun.
func proposals(t *testing.T, args ...string) string {
	t.Helper()
	if last := args[len(args)-1]; strings.Contains(last, ":") && args[len(args)-2] == "--address" {
		args = append(args, "")
	}
	lines := strings.Split(strings.TrimSuffix(runCaddy(t, append([]string{"__complete", "load-balance"}, args...)...).out, "\n"), "\n")
	return strings.Join(lines[:len(lines)-1], "|") // the last one is a directive
}
