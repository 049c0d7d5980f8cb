package caddyfile

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every subdirective stands in the grammar of docs/caddyfile.md, and in a table
// or sentence that explains it; those not supported are named there too.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../docs/caddyfile.md")
	if err != nil {
		t.Fatal(err)
	}
	_, grammar, _ := strings.Cut(string(b), "## The whole grammar\n")
	grammar, explained, found := strings.Cut(grammar, "\n## Backends\n")
	if !found {
		t.Fatal("docs/caddyfile.md has no grammar before its section on backends")
	}
	deprecated := map[string]bool{"health_path": true, "forward_proxy_url": true, "tls_trusted_ca_certs": true}
	for name := range merge(subdirectives, backendTable, connectionTable) {
		if !strings.Contains(explained, "`"+name) {
			t.Errorf("%s is not explained", name)
		}
		if unsupportedTable[name] != nil || deprecated[name] {
			continue
		}
		if !regexp.MustCompile(`(?m)^\t+` + name + `( |$)`).MatchString(grammar) {
			t.Errorf("%s is missing in the grammar", name)
		}
	}
}

// What may be repeated is marked so in the tables, and nothing else is.
func TestDocsRepeatable(t *testing.T) {
	b, err := os.ReadFile("../docs/caddyfile.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)`.*$").FindAllStringSubmatch(string(b), -1) {
		if marked := strings.Contains(row[0], "*repeatable*"); marked != repeatable[row[1]] {
			t.Errorf("%s: marked as repeatable: %t, but is: %t", row[1], marked, repeatable[row[1]])
		}
	}
}
