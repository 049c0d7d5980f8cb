package persist

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDamagedDocuments starts Caddy on documents that cannot be used. They are
// set aside, said in the log, and in nobody's way.
func TestDamagedDocuments(t *testing.T) {
	s := newSetup(t)
	s.pools = []string{"sane"}
	in := s.start(t)
	in.change("sane")
	if err := in.Stop(); err != nil {
		t.Fatal(err)
	}
	sane := readFile(t, s.file("sane.json"))
	named := func(pool string) []byte {
		return bytes.Replace(sane, []byte(`"pool":"sane"`), []byte(`"pool":"`+pool+`"`), 1)
	}
	damaged := map[string][]byte{
		"empty":     {},
		"garbage":   []byte("\x00\xff not a document"),
		"truncated": named("truncated")[:len(named("truncated"))-9],
		"longer":    append(named("longer"), "}"...),
		"newer":     bytes.Replace(named("newer"), []byte(`"version":1`), []byte(`"version":2`), 1),
		"foreign":   sane, // of another pool
		"huge":      bytes.Repeat([]byte(" "), 33<<20),
	}
	for pool, data := range damaged {
		s.pools = append(s.pools, pool)
		writeFile(t, s.file(pool+".json"), data)
	}
	slices.Sort(s.pools)
	in = s.start(t)
	if got := in.weights("sane"); len(got) != len(changed) {
		t.Errorf("the pool whose document is fine has %v", got)
	}
	for pool, data := range damaged {
		if got := in.weights(pool); len(got) != 2 {
			t.Errorf("%s: there are %v", pool, got)
		}
		// whether it was set aside already or not, changes are possible
		in.must(http.StatusCreated, http.MethodPost, "pools/"+pool+"/backends", backend{Address: "10.0.0.9:80"})
		if p := in.pool(pool); p.Storage.Status != "ok" {
			t.Errorf("%s: the storage is %+v", pool, p.Storage)
		}
		if aside := readFile(t, s.file(pool+".damaged-1.json")); !bytes.Equal(aside, data) {
			t.Errorf("%s: %d bytes were set aside, not the %d that were there", pool, len(aside), len(data))
		}
		if _, err := os.Stat(s.file(pool + ".damaged-2.json")); err == nil {
			t.Errorf("%s: it was set aside twice", pool)
		}
		if !strings.Contains(in.Log(), fmt.Sprintf(`"set_aside_as":"load_balance/%s.damaged-1.json"`, pool)) {
			t.Errorf("%s: the log does not say that it was set aside", pool)
		}
	}
	if err := in.Stop(); err != nil {
		t.Fatal(err)
	}
	in = s.start(t)
	for pool := range damaged {
		if got := in.weights(pool); got["10.0.0.9:80"] == 0 || len(got) != 3 {
			t.Errorf("%s: after a restart, there are %v", pool, got)
		}
	}
}

// A document that is damaged while Caddy runs is replaced by what is in force.
func TestDamagedWhileRunning(t *testing.T) {
	s := newSetup(t)
	in := s.start(t)
	in.change("web")
	writeFile(t, s.file("web.json"), []byte("damaged"))
	in.logged("set aside")
	in.logged("stored runtime changes that were not stored")
	if got := in.weights("web"); len(got) != len(changed) {
		t.Errorf("there are %v", got)
	}
	if err := os.Remove(s.file("web.json")); err != nil {
		t.Fatal(err)
	}
	in.must(http.StatusCreated, http.MethodPost, "pools/web/backends", backend{Address: "10.0.0.9:80"})
	in.Kill()
	if got := s.start(t).weights("web"); len(got) != len(changed)+1 {
		t.Errorf("after a crash, there are %v", got)
	}
}
