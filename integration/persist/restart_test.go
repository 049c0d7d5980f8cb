package persist

import (
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
)

// change makes a change of each kind.
func (in *instance) change(pool string) {
	in.t.Helper()
	in.must(http.StatusCreated, http.MethodPost, "pools/"+pool+"/backends", backend{Address: "10.0.0.1:80", Weight: 5})
	in.must(http.StatusCreated, http.MethodPost, "pools/"+pool+"/backends", backend{Address: "10.0.0.2:80", Labels: map[string]string{"zone": "a"}})
	in.must(http.StatusNoContent, http.MethodDelete, "pools/"+pool+"/backends/127.0.0.1:2", nil)
	in.must(http.StatusOK, http.MethodPatch, "pools/"+pool+"/backends/127.0.0.1:1", backend{Weight: 7})
	in.must(http.StatusOK, http.MethodPatch, "pools/"+pool+"/backends/10.0.0.2:80", backend{AdminState: "maintenance"})
}

var changed = map[string]int{"127.0.0.1:1": 7, "10.0.0.1:80": 5, "10.0.0.2:80": 1}

// What was changed is there after a reload, and after a restart. So is what the
// config did not ask for, as long as it has the same definition.
func TestRestart(t *testing.T) {
	s := newSetup(t)
	in := s.start(t)
	in.change("web")
	number := in.pool("web").Storage.Number
	if status := in.reload(strings.Replace(in.setup.config(in.admin, in.front), "lb_policy first", "lb_policy random", 1)); status != http.StatusOK {
		t.Fatalf("reload: status %d", status)
	}
	if got := in.weights("web"); !maps.Equal(got, changed) {
		t.Errorf("after a reload, there are %v", got)
	}
	if err := in.Stop(); err != nil {
		t.Fatal(err)
	}
	in = s.start(t)
	if got := in.weights("web"); !maps.Equal(got, changed) {
		t.Errorf("after a restart, there are %v", got)
	}
	p := in.pool("web")
	if p.Storage.Status != "ok" || p.Storage.Number != number || number == 0 || p.Storage.Sync.IsZero() {
		t.Errorf("the storage is %+v, with document %d before", p.Storage, number)
	}
	if len(p.Instances) != 1 || !p.Instances[0].Self || !p.Instances[0].Current {
		t.Errorf("the instances are %+v", p.Instances)
	}
	for _, b := range p.Backends {
		if b.ID == "10.0.0.2:80" && (b.AdminState != "maintenance" || b.Labels["zone"] != "a") {
			t.Errorf("after a restart, there is %+v", b)
		}
	}
}

// With persist off, nothing is stored, and nothing of what is stored is used.
func TestPersistOff(t *testing.T) {
	s := newSetup(t)
	in := s.start(t)
	in.change("web")
	if err := in.Stop(); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, s.file("web.json"))
	s.options = "persist off"
	in = s.start(t)
	if got := in.weights("web"); len(got) != 2 {
		t.Errorf("there are %v", got)
	}
	in.must(http.StatusCreated, http.MethodPost, "pools/web/backends", backend{Address: "10.0.0.9:80"})
	p := in.pool("web")
	if p.Storage.Status != "off" || p.Instances != nil {
		t.Errorf("the storage is %+v with %+v", p.Storage, p.Instances)
	}
	if err := in.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := s.start(t).weights("web"); len(got) != 2 {
		t.Errorf("after a restart, there are %v", got)
	}
	if after := readFile(t, s.file("web.json")); string(after) != string(before) {
		t.Errorf("the document has become %s", after)
	}
}

// A config that never runs writes nothing.
func TestConfigsThatDoNotRunWriteNothing(t *testing.T) {
	s := newSetup(t)
	s.pools, s.backend = []string{"web"}, "127.0.0.1:1"
	writeFile(t, s.file("web.json"), []byte("damaged"))
	home := t.TempDir()
	writeFile(t, home+"/Caddyfile", []byte(s.config(process.Addr(t), process.Addr(t))))
	cmd := process.Command(t.Context(), home, suite.Caddy(t, process.Race), "validate", "--config", home+"/Caddyfile", "--adapter", "caddyfile")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "find", s.storage, "-type", "f").Output(); err != nil || strings.TrimSpace(string(out)) != s.file("web.json") {
		t.Errorf("after validation, the storage has %s (%v)", out, err)
	}
	if err := os.Remove(s.file("web.json")); err != nil {
		t.Fatal(err)
	}
	in := s.start(t)
	in.change("web")
	want := in.pool("web")
	failing := setup{storage: s.storage, pools: []string{"web", "other"}, backend: "127.0.0.1:1"}
	taken, err := net.Listen("tcp", process.Addr(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	config := failing.config(in.admin, in.front) + "http://" + taken.Addr().String() + " {\n\trespond hi\n}\n"
	if status := in.reload(config); status == http.StatusOK {
		t.Fatal("the reload has not failed")
	}
	if got := in.pool("web"); got.Revision != want.Revision || got.Storage.Number != want.Storage.Number || len(got.Instances) != 1 {
		t.Errorf("after a failed reload, there is %+v; before, %+v", got, want)
	}
	if _, err := os.Stat(s.file("other.json")); err == nil {
		t.Error("a pool of a failed reload is stored")
	}
}
