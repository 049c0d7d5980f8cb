package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// examplePort matches the ports that README and the examples use.
var examplePort = regexp.MustCompile(`\b(2019|2021|8080|8081|8443|900\d|5005\d)\b`)

// relocation puts free ports in the place of those in texts for people, the
// same one everywhere.
type relocation map[int]int

// text returns s with its ports replaced.
func (r relocation) text(t *testing.T, s string) string {
	t.Helper()
	return examplePort.ReplaceAllStringFunc(s, func(port string) string {
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.Itoa(r.port(t, n))
	})
}

// port returns what stands for the port.
func (r relocation) port(t *testing.T, port int) int {
	t.Helper()
	if r[port] == 0 {
		r[port] = freePort(t)
	}
	return r[port]
}

// addr returns what stands for the port of this machine, with the host.
func (r relocation) addr(t *testing.T, port int) string {
	t.Helper()
	return "127.0.0.1:" + strconv.Itoa(r.port(t, port))
}

// readFile returns a file of the repository, named from its root.
func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// startExample runs a file of examples/ with its ports relocated, and named
// backends on some of them. What stands for 2019 is the admin endpoint's port.
func startExample(t *testing.T, name string, backends ...int) (*proc, relocation) {
	t.Helper()
	r := make(relocation)
	startNamed(t, r, backends...)
	config := r.text(t, readFile(t, "examples/"+name))
	adapter := "caddyfile"
	if filepath.Ext(name) == ".json" {
		adapter = ""
	}
	p := startCaddyAt(t, r.addr(t, 2019), config, adapter)
	return p, r
}
