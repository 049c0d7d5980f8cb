package loadbalance_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/caddy-loadbalance/caddy-loadbalance"

// layers says which packages of this module a package may import, and why no
// others. Packages are named by their directory; the root is ".". Tests may
// import more.
var layers = map[string]struct {
	imports string
	because string
}{
	".": {
		"admin caddyfile command proxy health discovery balancer sticky persist pool config metrics",
		"the root wires everything together, for Caddy to load; main packages are above it",
	},
	"cmd/caddy": {
		".",
		"a Caddy with this module takes the module as any other Caddy does, by importing the root",
	},
	"admin": {
		"pool config metrics",
		"the API changes pools, and the rest follows from that; it must work the same whoever forwards and probes",
	},
	"caddyfile": {
		"config",
		"a Caddyfile is another spelling of the JSON, so parsing ends at the JSON's types",
	},
	"command": {
		"config",
		"the commands talk to another process over HTTP, and have no pools of their own",
	},
	"proxy": {
		"balancer pool config metrics shortage",
		"forwarding knows backends only through their pool; probes and DNS must not be in a request's way",
	},
	"health": {
		"balancer pool config metrics shortage",
		"health is observed and reported; what follows from it is the pool's decision, and requests are the proxy's",
	},
	"discovery": {
		"balancer pool config metrics",
		"discovered backends are like all others, so nothing but the pool needs to hear of them",
	},
	"balancer": {
		"sticky pool config metrics",
		"a policy picks one backend of a snapshot; what made the snapshot and what is done with the pick is not its concern",
	},
	"sticky": {
		"pool config metrics",
		"sessions stand before the policy and know backends; which policy follows, and what is sent to whom, is not their concern",
	},
	"persist": {
		"pool config",
		"documents are the pool's, and so is what follows from them; requests must not be able to wait for the storage",
	},
	"integration/persist": {
		"integration/process",
		"what outlasts a process is tested from the outside too",
	},
	"pool": {
		"config metrics",
		"pools forward nothing and probe nothing: others reach them through interfaces that are defined there",
	},
	"pool/pooltest": {
		"pool config",
		"it makes pools for tests, and is imported by tests alone",
	},
	"config": {
		"",
		"the schema has no behaviour, and everything else is written against it",
	},
	"metrics": {
		"",
		"all may count, so what counts cannot know who does",
	},
	"shortage": {
		"",
		"what this machine lacks has nothing to do with what it was wanted for",
	},
	"integration": {
		"integration/process integration/curl integration/websocket",
		"the real binary is tested from the outside, as its users see it",
	},
	"integration/command": {
		"integration/process",
		"commands are run as users do, and seen from the outside",
	},
	"integration/compare": {
		"integration/process",
		"both directives are compared from the outside too",
	},
	"integration/curl": {
		"",
		"it stands in for curl in tests, and is imported by tests alone",
	},
	"integration/fault": {
		"integration/process",
		"what happens under faults is tested from the outside too",
	},
	"integration/operate": {
		"integration/process integration/curl integration/websocket",
		"what operators do is tested from the outside too",
	},
	"integration/process": {
		"",
		"it builds and runs Caddy for tests, and is imported by tests alone",
	},
	"integration/websocket": {
		"",
		"it opens and answers WebSockets for tests, and is imported by tests alone",
	},
	"integration/wire": {
		"integration/process",
		"what goes over the wire is tested from the outside too",
	},
}

// outside are packages of others that must not be imported.
var outside = []struct {
	prefix  string
	tests   bool // nor by tests
	because string
}{
	{
		"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy", true,
		"the load balancer is its own; that package's modules and defaults must not come with it",
	},
	{
		"net/http/httputil", false,
		"its ReverseProxy decides on headers, trailers and upgrades in ways that differ from ours",
	},
	{
		"unsafe", false,
		"what is gained is not worth a crash in a process that serves other sites too",
	},
	{
		"log", false,
		"Caddy's users configure logs by module; what the standard logger writes goes past that",
	},
}

func TestLayers(t *testing.T) {
	err := eachImport(".", func(file, dir, imported string) {
		if problem := judge(file, dir, imported); problem != "" {
			t.Errorf("%s: %s", file, problem)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLayersAreJudged proves that the test above can fail.
func TestLayersAreJudged(t *testing.T) {
	tests := []struct {
		file     string
		imported string
		want     string // part of the problem; empty: allowed
	}{
		{"pool/pool.go", modulePath + "/config", ""},
		{"pool/pool.go", modulePath + "/metrics", ""},
		{"pool/pool.go", modulePath + "/proxy", "pools forward nothing"},
		{"pool/pool.go", modulePath, "pools forward nothing"},
		{"pool/pool_test.go", modulePath + "/proxy", ""},
		{"pool/pool_test.go", outside[0].prefix, "its own"},
		{"pool/pool.go", "net/http/httputil", "ReverseProxy decides"},
		{"pool/pool_test.go", "net/http/httputil", ""},
		{"caddyfile/parser.go", modulePath + "/pool", "another spelling"},
		{"module.go", modulePath + "/health", ""},
		{"module.go", modulePath + "/cmd/caddy", "wires everything"},
		{"balancer/random.go", outside[0].prefix, "its own"},
		{"balancer/random.go", outside[0].prefix + "/fastcgi", "its own"},
		{"balancer/random.go", "log/slog", "goes past that"},
		{"balancer/random.go", "logic", ""},
		{"attic/new.go", "net/http", "no place"},
		{"cmd/caddy/main.go", modulePath, ""},
		{"cmd/caddy/main.go", modulePath + "/pool", "by importing the root"},
	}
	for _, test := range tests {
		t.Run(test.file+" imports "+test.imported, func(t *testing.T) {
			got := judge(test.file, path.Dir(test.file), test.imported)
			if test.want == "" && got != "" {
				t.Errorf("refused: %s", got)
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q in it", got, test.want)
			}
		})
	}
}

// judge returns what is wrong with an import, or nothing.
func judge(file, dir, imported string) string {
	isTest := strings.HasSuffix(file, "_test.go")
	for _, rule := range outside {
		within := imported == rule.prefix || strings.HasPrefix(imported, rule.prefix+"/")
		if within && (rule.tests || !isTest) {
			return fmt.Sprintf("must not import %s: %s", imported, rule.because)
		}
	}
	layer, known := layers[dir]
	if !known {
		return fmt.Sprintf("package %s has no place in the layers yet", dir)
	}
	if isTest {
		return ""
	}
	name, ours := strings.CutPrefix(imported, modulePath)
	if !ours {
		return ""
	}
	name = strings.TrimPrefix(name, "/")
	if name == "" {
		name = "."
	}
	if slices.Contains(strings.Fields(layer.imports), name) {
		return ""
	}
	return fmt.Sprintf("package %s must not import %s: %s", dir, name, layer.because)
}

// eachImport calls visit for every import of every Go file of the module.
func eachImport(root string, visit func(file, dir, imported string)) error {
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case ".git", "build", "testdata", "tools", "bench":
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		slash := filepath.ToSlash(name)
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
			}
			visit(slash, path.Dir(slash), imported)
		}
		return nil
	})
}
