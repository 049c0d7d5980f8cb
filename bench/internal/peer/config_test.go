package peer

import (
	"context"
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/proc"
)

var update = flag.Bool("update", false, "write the golden files")

// sites are the least and the most that a proxy has to serve.
var sites = map[string]Site{
	"plain": {
		Port: 4000, Backends: []string{"127.1.0.1:5000", "127.1.0.2:5000"}, Body: "hello", Clients: 64,
	},
	"all": {
		Port: 4000, Backends: []string{"127.1.0.1:5000", "127.1.0.2:5000"}, Body: "hello", Clients: 1000,
		TLS: true, Cert: "/c/cert.pem", Key: "/c/key.pem", Both: "/c/both.pem",
		BackendTLS: true, LeastConn: true, Idle: 1000,
	},
}

func TestConfigs(t *testing.T) {
	nginx := func(s Site) string {
		text, err := nginxConfig(s, false)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	configs := map[string]func(Site) string{
		"load_balance":  func(s Site) string { return caddyfile(s, caddyProxy(LoadBalance, s)) },
		"reverse_proxy": func(s Site) string { return caddyfile(s, caddyProxy(ReverseProxy, s)) },
		"haproxy":       haproxyConfig,
		"nginx":         nginx,
		"traefik":       traefikConfig,
	}
	for proxy, config := range configs {
		for name, site := range sites {
			file := filepath.Join("testdata", proxy+"-"+name+".txt")
			got := config(site)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("not as in %s, which go test -update would make:\n%s", file, got)
			}
		}
	}
}

// TestSameButTheName makes sure that load_balance and reverse_proxy are told
// to do the same.
func TestSameButTheName(t *testing.T) {
	for name, site := range sites {
		a := caddyfile(site, caddyProxy(LoadBalance, site))
		b := caddyfile(site, caddyProxy(ReverseProxy, site))
		if strings.ReplaceAll(a, LoadBalance, ReverseProxy) != b {
			t.Errorf("%s: got\n%s\nand\n%s", name, a, b)
		}
	}
}

func TestHAProxyBalance(t *testing.T) {
	for want, site := range map[string]Site{
		"roundrobin": {Backends: make([]string, 4095)},
		"static-rr":  {Backends: make([]string, 4096)},
		"leastconn":  {Backends: make([]string, 4096), LeastConn: true},
	} {
		if got := haproxyBalance(site); got != want {
			t.Errorf("%d backends, least connections %t: got %s, want %s", len(site.Backends), site.LeastConn, got, want)
		}
	}
}

// TestStart has a proxy that this test's program is.
func TestStart(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := Proxy{
		Name: "test", Program: program, versionArgs: []string{"version"},
		configure: func(_ string, s Site) ([]string, error) { return []string{"listen", strconv.Itoa(s.Port)}, nil },
	}
	port, err := proc.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	process, err := p.Start(t.Context(), t.TempDir(), Site{Port: port})
	if err != nil {
		t.Fatal(err)
	}
	process.Stop()
	if got, err := p.Version(t.Context()); err != nil || got != "version 7" {
		t.Errorf("got version %q, %v, want its first line", got, err)
	}
	p.configure = func(string, Site) ([]string, error) { return []string{"fail"}, nil }
	if _, err := p.Start(t.Context(), t.TempDir(), Site{Port: port}); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got %v, want an error with what it said", err)
	}
}

func TestMain(m *testing.M) {
	switch {
	case slices.Contains(os.Args, "listen"):
		var config net.ListenConfig
		if _, err := config.Listen(context.Background(), "tcp", "127.0.0.1:"+os.Args[2]); err != nil {
			panic(err)
		}
		select {}
	case slices.Contains(os.Args, "version"):
		os.Stdout.WriteString("version 7\nand more\n")
		os.Exit(0)
	case slices.Contains(os.Args, "fail"):
		os.Stderr.WriteString("no such thing\n")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestMissing(t *testing.T) {
	if got := Traefik("").Missing(); !strings.Contains(got, "-traefik") {
		t.Errorf("Traefik without a binary: got %q, want how to name one", got)
	}
	if got := (Proxy{Name: "sh", Program: "sh"}).Missing(); got != "" {
		t.Errorf("a program that is there: got %q", got)
	}
}
