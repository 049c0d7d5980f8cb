package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// countingStore counts what it is asked for.
type countingStore struct {
	updates int
	err     error
	data    []byte
}

func (s *countingStore) Update(_ string, change func([]byte) ([]byte, error)) error {
	s.updates++
	data, err := change(s.data)
	if err != nil || data == nil {
		return err
	}
	if s.err == nil {
		s.data = data
	}
	return s.err
}

// TestDryRun rehearses changes, and makes sure that nothing comes of it: no new
// revision, snapshot, event, or call of the storage. Then it makes them, and
// what was said has happened.
func TestDryRun(t *testing.T) {
	for _, c := range []rehearsal{
		{operation{"POST", allBackends, newBackend}, `"added":[{"id":"127.0.0.1:9009","address":"127.0.0.1:9009","weight":1,"priority":0,"max_requests":0,"admin_state":"ready"}],"changed":[],"removed":[]`},
		{operation{"PATCH", oneBackend, `{"weight": 3, "labels": {"a": "b"}}`}, `"added":[],"changed":[{"id":"127.0.0.1:9001","old":{"weight":1,"labels":{}},"new":{"weight":3,"labels":{"a":"b"}}}],"removed":[]`},
		{operation{"PATCH", oneBackend, `{"weight": 1}`}, `"added":[],"changed":[],"removed":[]`},
		{operation{"DELETE", oneBackend, ""}, `"added":[],"changed":[],"removed":[{"id":"127.0.0.1:9001","address":"127.0.0.1:9001","weight":1,"priority":0,"max_requests":0,"admin_state":"ready"}]`},
		{operation{"DELETE", shortcut, `{"address": "127.0.0.1:9001"}`}, `"added":[],"changed":[],"removed":[{"id":"127.0.0.1:9001","address":"127.0.0.1:9001","weight":1,"priority":0,"max_requests":0,"admin_state":"ready"}]`},
		{
			operation{"PUT", allBackends, `[{"address": "127.0.0.1:9002"}, {"id": "127.0.0.1:9001", "address": "127.0.0.1:9001", "weight": 9}, {"id": "new", "address": "127.0.0.1:9009"}]`},
			`"added":[{"id":"new","address":"127.0.0.1:9009","weight":1,"priority":0,"max_requests":0,"admin_state":"ready"}],` +
				`"changed":[{"id":"127.0.0.1:9001","old":{"weight":1},"new":{"weight":9}}],"removed":[],"unchanged":["127.0.0.1:9002"]`,
		},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.rehearse(t) })
		})
	}
}

// rehearsal is a change, and what is said of it: the answer, without the pool's
// revision.
type rehearsal struct {
	operation
	want string
}

func (c rehearsal) rehearse(t *testing.T) {
	s := newAPI(t, nil)
	st := &countingStore{}
	p := s.addPool("web", &pool.Definition{Backends: specs(t, two()["web"]), Store: st})
	time.Sleep(time.Second) // in the bubble's time: health checks end
	snap, before := p.Snapshot(), s.direct(t.Context(), "GET", allBackends, "")
	w := s.direct(t.Context(), c.method, c.path+"?dry_run=true", c.body)
	if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != `{"dry_run":true,"revision":1,`+c.want+`}` {
		t.Errorf("answered %d %s\nwant %s", w.Code, got, c.want)
	}
	time.Sleep(time.Second)
	if h := w.Header(); p.Snapshot() != snap || st.updates != 0 || h.Get("ETag") != `"1"` || h.Get("Location") != "" {
		t.Errorf("%d calls of the store, new snapshot: %v, header %v", st.updates, p.Snapshot() != snap, h)
	}
	if after := s.direct(t.Context(), "GET", allBackends, ""); after.Body.String() != before.Body.String() {
		t.Errorf("before %s\nafter  %s", before.Body, after.Body)
	}
	if w := s.direct(t.Context(), c.method, c.path, c.body); w.Code >= 300 || st.updates != 1 {
		t.Errorf("then it was answered %d %s, with %d calls of the store", w.Code, w.Body, st.updates)
	}
}

// TestDryRunRefuses makes sure that every error is the same in a rehearsal.
func TestDryRunRefuses(t *testing.T) {
	refused := 0
	for _, x := range append(changeErrors(), conflicts()...) {
		if x.req.method == "GET" || x.status < 300 || strings.Contains(x.req.target, "dry_run") {
			continue
		}
		if x.req.body == nil {
			x.req.body = strings.NewReader("")
		}
		body, separator := new(bytes.Buffer), "?"
		if _, err := body.ReadFrom(x.req.body); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(x.req.target, "?") {
			separator = "&"
		}
		var answers [2]any
		for i, suffix := range []string{"", separator + "dry_run=true"} {
			s := newServer(t, x.pools)
			req := x.req
			req.target += suffix
			if req.body = nil; body.Len() > 0 {
				req.body = bytes.NewReader(body.Bytes())
			}
			rep := s.send(req)
			s.want(rep, x.status, x.code)
			if err := json.Unmarshal(rep.body, &answers[i]); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(answers[0], answers[1]) {
			t.Errorf("%s: %v, in a dry run %v", x.name, answers[0], answers[1])
		}
		refused++
	}
	if refused < 30 {
		t.Errorf("only %d errors were met", refused)
	}
}

// TestReplaceReports looks at what PUT says that it has done.
func TestReplaceReports(t *testing.T) {
	s := newServer(t, two())
	done := replaced(t, s.do("PUT", allBackends, `[{"address": "127.0.0.1:9002"}, {"address": "127.0.0.1:9003", "weight": 4}]`))
	if done.DryRun || done.Revision != 2 || len(done.Added) != 1 || done.Added[0].ID != "127.0.0.1:9003" || *done.Added[0].Weight != 4 ||
		len(done.Changed) != 0 || len(done.Removed) != 1 || done.Removed[0].ID != "127.0.0.1:9001" ||
		!reflect.DeepEqual(done.Unchanged, []string{"127.0.0.1:9002"}) || len(done.Backends) != 2 {
		t.Errorf("got %+v", done)
	}
	done = replaced(t, s.do("PUT", allBackends, `[{"address": "127.0.0.1:9002", "priority": 1}, {"address": "127.0.0.1:9003", "weight": 4}]`))
	if len(done.Changed) != 1 || *done.Changed[0].Old.Priority != 0 || *done.Changed[0].New.Priority != 1 || done.Changed[0].New.Weight != nil ||
		len(done.Unchanged) != 1 || len(done.Added)+len(done.Removed) != 0 {
		t.Errorf("got %+v", done)
	}
}

// TestFailingStorage makes sure that a change which cannot be stored is 503, is
// not made, and that only the log says why.
func TestFailingStorage(t *testing.T) {
	s := newServer(t, nil)
	st := &countingStore{err: errors.New("disk full at /var/lib")}
	s.addPool("web", &pool.Definition{Backends: specs(t, two()["web"]), Store: st})
	for _, op := range writes {
		before := s.revision("web")
		rep := s.do(op.method, op.path+"?force=true", op.body)
		if s.want(rep, http.StatusServiceUnavailable, pool.CodeStorageFailed); strings.Contains(string(rep.body), "/var/lib") || s.revision("web") != before {
			t.Errorf("%s: %s, revision %d", op.method, rep.body, s.revision("web"))
		}
	}
	lines := s.logs.FilterMessage("backend change refused").All()
	if len(lines) != len(writes) {
		t.Fatalf("%d lines of the log", len(lines))
	}
	if line := lines[0]; line.ContextMap()["cause"] != st.err.Error() || line.Level.String() != "error" {
		t.Errorf("the log says %v", line.ContextMap())
	}
	st.err = nil
	s.want(s.do("DELETE", oneBackend, ""), http.StatusNoContent, "")
}
