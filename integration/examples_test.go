package integration

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples holds for every file in examples/: it is a valid configuration,
// `caddy fmt` leaves it as it is, and the list of examples has it.
func TestExamples(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../examples/*/Caddyfile", "../examples/*/*.json"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	dirs, err := filepath.Glob("../examples/*/")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < len(dirs) {
		t.Errorf("there are %d directories in examples/, but only %d configurations", len(dirs), len(files))
	}
	list := readFile(t, "examples/README.md")
	for _, file := range files {
		name := filepath.ToSlash(strings.TrimPrefix(file, filepath.FromSlash("../examples/")))
		t.Run(name, func(t *testing.T) {
			args := []string{"validate", "--config", file}
			if filepath.Base(file) == "Caddyfile" {
				args = append(args, "--adapter", "caddyfile")
				checkFormat(t, file)
			}
			if out, err := runCaddy(t, args...); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if !strings.Contains(list, "("+name+")") {
				t.Errorf("examples/README.md does not list %s", name)
			}
		})
	}
}

// checkFormat makes sure that `caddy fmt` has nothing to change.
func checkFormat(t *testing.T, file string) {
	t.Helper()
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	scratch := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(scratch, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := runCaddy(t, "fmt", "--overwrite", scratch); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after, err := os.ReadFile(scratch)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != string(before) {
		t.Errorf("%s: `caddy fmt` makes of it:\n%s", file, after)
	}
}

func TestExampleMinimal(t *testing.T) {
	_, r := startExample(t, "minimal/Caddyfile", 9001, 9002, 9003)
	got := counts(t, newClient(t, nil), 9, "http://"+r.addr(t, 8080), "Backend")
	if want := map[string]int{"9001": 3, "9002": 3, "9003": 3}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestExampleJSON(t *testing.T) {
	p, r := startExample(t, "json/config.json", 9001, 9002, 9003)
	client := newClient(t, nil)
	url := "http://" + r.addr(t, 8080)
	got := counts(t, client, 30, url, "Backend")
	if want := map[string]int{"9001": 20, "9002": 10}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, port := range []int{9001, 9002} {
		p.api(t, http.MethodPatch, "/load_balance/pools/web/backends/"+r.addr(t, port),
			`{"admin_state": "maintenance"}`, http.StatusOK)
	}
	got = counts(t, client, 5, url, "Backend")
	if want := map[string]int{"9003": 5}; !maps.Equal(got, want) {
		t.Errorf("without the others, got %v, want %v", got, want)
	}
}

func TestExampleFull(t *testing.T) {
	p, r := startExample(t, "full/Caddyfile", 9001, 9002, 9003, 9004)
	client := newClient(t, nil)
	url := "http://" + r.addr(t, 8080)

	got := counts(t, client, 30, url+"/api/", "X-Backend")
	if want := map[string]int{"big": 20, "small": 10}; !maps.Equal(got, want) {
		t.Errorf("/api/: got %v, want %v", got, want)
	}
	api := get(t, client, url+"/api/")
	if api.Header.Get("Saw-Request-Id") == "" {
		t.Error("/api/: the backend saw no X-Request-Id")
	}
	if server := api.Header.Get("Server"); server == "backend" {
		t.Errorf("/api/: the backend's header came through: Server: %s", server)
	}
	internal := get(t, client, url+"/internal/")
	if internal.Header.Get("Saw-Internal") != "yes" || internal.Header.Get("X-Backend") != "" {
		t.Errorf("/internal/ has not the headers of its own handler: %v", internal.Header)
	}
	waitServing(t, client, url)
	if web := get(t, client, url); web.Header.Get("Backend") != "9004" {
		t.Errorf("/: not answered by the discovered backend: %v", web.Header)
	}

	for _, id := range []string{"big", "small", "spare"} {
		p.api(t, http.MethodPatch, "/load_balance/pools/api/backends/"+id+"?force=true",
			`{"admin_state": "maintenance"}`, http.StatusOK)
	}
	none := get(t, client, url+"/api/")
	if none.StatusCode != http.StatusServiceUnavailable || none.body != "Sorry: 503 Service Unavailable" {
		t.Errorf("/api/ without backends: status %d: %s", none.StatusCode, none.body)
	}
}
