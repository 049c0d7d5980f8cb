package persist

import (
	"path"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestEscape(t *testing.T) {
	long := strings.Repeat("x", 256)
	for pool, want := range map[string]string{
		"web":                           "web",
		"Web":                           "_57eb",
		"a_b":                           "a_5fb",
		"127.0.0.1:9001,127.0.0.1:9002": "127.0.0.1_3a9001_2c127.0.0.1_3a9002",
		"...":                           "_2e_2e_2e",
		"a..b":                          "a_2e.b",
		"a.":                            "a_2e",
		"a.damaged-1":                   "a_2edamaged-1",
		"con":                           "_63on",
		"con.tainer":                    "_63on.tainer",
		"contain":                       "contain",
		long:                            strings.Repeat("x", 126) + "__",
	} {
		if got := escape(pool); !strings.HasPrefix(got, want) || len(pool) < 100 && got != want {
			t.Errorf("%q is escaped as %q, want %q", pool, got, want)
		}
	}
	if a, b := escape(long), escape(long[1:]+"y"); a == b {
		t.Errorf("two long names are both escaped as %q", a)
	}
	if got := asideKey("web", 1); got != "load_balance/web.damaged-1.json" {
		t.Errorf("a document is set aside as %q", got)
	}
}

func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"web", "Web", "a_57", "..", ".", "con", "nul.x", "a.damaged-1", "a..damaged-2", "X~a,b+c:1@d", strings.Repeat("X", 256)} {
		f.Add(seed, seed+"a")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if config.CheckPoolName(a) != nil || config.CheckPoolName(b) != nil {
			return
		}
		ka, kb := documentKey(a), documentKey(b)
		if (a == b) != strings.EqualFold(ka, kb) {
			t.Errorf("pools %q and %q have the documents %q and %q", a, b, ka, kb)
		}
		if path.Clean(ka) != ka || path.Dir(ka) != path.Clean(prefix) || strings.Contains(ka, "..") || len(path.Base(ka)) > 200 {
			t.Errorf("pool %q has the document %q", a, ka)
		}
		for n := range 3 {
			if aside := asideKey(a, n); strings.EqualFold(aside, kb) {
				t.Errorf("a document of pool %q is set aside where pool %q has its own: %s", a, b, aside)
			}
		}
		if got := lockName(a); strings.ContainsFunc(got, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-", r) }) {
			t.Errorf("pool %q has the lock %q, which a storage may change", a, got)
		}
	})
}
