package admin

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

const (
	allBackends = "/load_balance/pools/web/backends"
	oneBackend  = "/load_balance/pools/web/backends/127.0.0.1:9001"
	shortcut    = "/load_balance/backends"
	newBackend  = `{"address": "127.0.0.1:9009"}`
	oneDrain    = oneBackend + "/drain"
)

// situation is a request, and the answer it must get from a server that has
// just started with the pools.
type situation struct {
	name   string
	pools  map[string][]config.Backend
	req    request
	status int
	code   string
}

func situationOf(status int, code, method, target, body string, header ...string) situation {
	x := situation{pools: two(), status: status, code: code}
	x.req = request{method: method, target: target, header: make(http.Header)}
	if body != "" {
		x.req.body = strings.NewReader(body)
	}
	for i := 0; i < len(header); i += 2 {
		x.req.header.Set(header[i], header[i+1])
	}
	x.name = fmt.Sprintf("%s %s %.60s %q", method, target, body, header)
	return x
}

func (x situation) with(pools map[string][]config.Backend) situation {
	x.pools = pools
	x.name += fmt.Sprintf(" with %d pools", len(pools))
	return x
}

// TestAgainstDescription meets every answer that docs/openapi.yaml describes,
// and no other.
func TestAgainstDescription(t *testing.T) {
	seen := make(map[string]bool)
	for _, x := range slices.Concat(successes(), readErrors(), changeErrors(), bodyErrors(), valueErrors(), conflicts()) {
		t.Run(x.name, func(t *testing.T) {
			s := newServer(t, x.pools)
			before := make(map[string]uint64)
			for name := range x.pools {
				before[name] = s.revision(name)
			}
			rep := s.send(x.req)
			s.want(rep, x.status, x.code)
			seen[rep.key] = true
			if rep.status < 300 && !strings.Contains(x.req.target, "dry_run=true") {
				return
			}
			for name, revision := range before {
				if got := s.revision(name); got != revision {
					t.Errorf("not done, and the revision went from %d to %d", revision, got)
				}
			}
		})
	}
	seen[goesOn(t).key], seen[cancelled(t).key] = true, true
	// this one does not end by itself
	if e := newServer(t, two()).openEvents(t); e.resp.StatusCode == http.StatusOK {
		seen["GET "+eventsPath+" 200 "] = true
	}
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range doc.answers() {
		if !seen[key] {
			t.Errorf("described, and not met: %s", key)
		}
	}
}

// answers returns all answers of all operations, as judge names them.
func (d document) answers() []string {
	var keys []string
	for template := range d.at(d, "paths") {
		for method := range d.at(d, "paths", template) {
			if method == "parameters" {
				continue
			}
			responses := d.at(d, "paths", template, method, "responses")
			for status := range responses {
				if status == "default" {
					continue // what no client can bring about
				}
				key := strings.ToUpper(method) + " " + template + " " + status + " "
				codes := responses.at(d, status, "content", "application/json", "schema").codes()
				if codes == nil {
					keys = append(keys, key)
				}
				for _, code := range codes {
					keys = append(keys, key+code.(string))
				}
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// codes returns the codes of the errors that a schema describes.
func (d document) codes() []any {
	parts, _ := d["allOf"].([]any)
	for _, part := range parts {
		if codes, ok := part.(document).at(d, "properties", "code")["enum"].([]any); ok {
			return codes
		}
	}
	return nil
}

// operation is a method of a path, and a body that it takes.
type operation struct{ method, path, body string }

var (
	reads = []operation{
		{"GET", "/load_balance/status", ""},
		{"GET", "/load_balance/pools", ""},
		{"GET", "/load_balance/pools/web", ""},
		{"GET", explainPath, ""},
		{"GET", allBackends, ""},
		{"GET", oneBackend, ""},
		{"GET", shortcut, ""},
	}
	writes = []operation{
		{"POST", allBackends, newBackend},
		{"PUT", allBackends, `[` + newBackend + `]`},
		{"PATCH", oneBackend, `{"weight": 3}`},
		{"DELETE", oneBackend, ""},
		{"POST", oneDrain, `{"then": "remove"}`},
		{"POST", shortcut, newBackend},
		{"DELETE", shortcut, `{"address": "127.0.0.1:9001"}`},
	}
)

func readErrors() []situation {
	var list []situation
	for _, op := range append(slices.Clone(reads), operation{"GET", eventsPath, ""}) {
		list = append(list,
			situationOf(400, "bad_query", op.method, op.path+"?a=%zz", ""),
			situationOf(400, "unknown_parameter", op.method, op.path+"?force=true", ""),
			situationOf(400, "bad_if_match", op.method, op.path, "", "If-Match", "5"),
		)
		if strings.Contains(op.path, "web") || op.path == shortcut {
			list = append(list, situationOf(404, "unknown_pool", op.method, op.path, "").with(nil))
		}
	}
	return append(list,
		situationOf(404, "unknown_pool", "GET", eventsPath+"?pool=other", ""),
		situationOf(404, "unknown_backend", "GET", allBackends+"/other", ""),
		situationOf(400, "not_canonical", "GET", allBackends+"/LOCALHOST:80", ""),
		situationOf(409, "ambiguous_pool", "GET", shortcut, "").with(several()),
	)
}

func changeErrors() []situation {
	var list []situation
	for _, op := range writes {
		list = append(list,
			situationOf(400, "bad_query", op.method, op.path+"?force=1", op.body),
			situationOf(400, "bad_query", op.method, op.path+"?force=true&force=true", op.body),
			situationOf(400, "bad_query", op.method, op.path+"?dry_run=1", op.body),
			situationOf(400, "unknown_parameter", op.method, op.path+"?Force=true", op.body),
			situationOf(400, "bad_if_match", op.method, op.path, op.body, "If-Match", `"1`),
			situationOf(412, "stale_revision", op.method, op.path, op.body, "If-Match", `"7", W/"1"`),
			situationOf(404, "unknown_pool", op.method, op.path, op.body).with(nil),
		)
		if op.path == shortcut {
			list = append(list, situationOf(409, "ambiguous_pool", op.method, op.path, op.body).with(several()))
		}
	}
	return append(list,
		situationOf(404, "unknown_backend", "PATCH", allBackends+"/other", `{}`),
		situationOf(404, "unknown_backend", "DELETE", allBackends+"/other", ""),
		situationOf(404, "unknown_backend", "DELETE", shortcut+"?id=other", ""),
		situationOf(404, "unknown_backend", "POST", allBackends+"/other/drain", ""),
		situationOf(400, "not_canonical", "POST", allBackends+"/127.0.0.1:09001/drain", ""),
		situationOf(400, "bad_query", "POST", oneDrain+"?wait=30", ""),
		situationOf(400, "bad_query", "POST", oneDrain+"?wait=", ""),
		situationOf(400, "bad_query", "POST", oneDrain+"?wait=-1s", ""),
		situationOf(400, "bad_query", "POST", oneDrain+"?wait=1d", ""),
		situationOf(404, "unknown_backend", "DELETE", shortcut, `{"address": "other:80"}`),
		situationOf(400, "not_canonical", "PATCH", allBackends+"/127.0.0.1:09001", `{}`),
		situationOf(400, "not_canonical", "DELETE", allBackends+"/127.0.0.1:09001", ""),
		situationOf(400, "not_canonical", "DELETE", shortcut+"?id=127.0.0.1:09001", ""),
		situationOf(400, "unexpected_body", "DELETE", oneBackend, `{}`),
		situationOf(400, "unexpected_body", "DELETE", shortcut+"?id=127.0.0.1:9001", `{}`),
		situationOf(400, "bad_query", "DELETE", shortcut+"?id=a&address=b", ""),
		situationOf(400, "bad_query", "DELETE", shortcut+"?id=a%2Fb", ""),
		situationOf(400, "bad_query", "DELETE", shortcut+"?address=a:b:c", ""),
		situationOf(400, "missing_field", "DELETE", shortcut, ""),
	)
}

// hiddenLength hides the length of a body, so that it is sent in chunks.
type hiddenLength struct{ io.Reader }

func bodyErrors() []situation {
	var list []situation
	for _, op := range writes {
		if op.body == "" {
			continue
		}
		huge := strings.Repeat(" ", 2*maxBody) + op.body
		chunked := situationOf(413, "too_large", op.method, op.path, "")
		chunked.name += " in chunks"
		chunked.req.body = hiddenLength{strings.NewReader(huge)}
		broken := situationOf(400, "bad_body", op.method, op.path, "")
		broken.name += " with a body that breaks off"
		broken.req.broken = true
		list = append(list, chunked, broken,
			situationOf(413, "too_large", op.method, op.path, huge),
			situationOf(415, "not_json", op.method, op.path, op.body, "Content-Type", "text/plain"),
			situationOf(415, "not_json", op.method, op.path, op.body, "Content-Type", "application/x-www-form-urlencoded"),
			situationOf(415, "not_json", op.method, op.path, op.body, "Content-Type", "text/plain; application/json"),
			situationOf(415, "not_json", op.method, op.path, op.body, "Content-Type", "application/json; charset=latin1"),
			situationOf(415, "not_json", op.method, op.path, op.body, "Content-Type", "application/json-patch+json"),
			situationOf(415, "not_json", op.method, op.path, op.body, "Content-Encoding", "gzip", "Content-Type", "application/json"),
			situationOf(400, "bad_json", op.method, op.path, op.body+"x"),
			situationOf(400, "bad_json", op.method, op.path, op.body+op.body),
			situationOf(400, "bad_json", op.method, op.path, `"text"`),
			situationOf(400, "bad_json", op.method, op.path, `null`),
		)
	}
	return list
}

// inBody puts the fields of a backend into the body that an operation takes.
func (op operation) inBody(fields string) string {
	switch op.method {
	case "PUT":
		return `[{"address": "127.0.0.1:9001"}, {"address": "127.0.0.1:9009", ` + fields + `}]`
	case "POST":
		return `{"address": "127.0.0.1:9009", ` + fields + `}`
	}
	return `{` + fields + `}`
}

func drainErrors() []situation {
	var list []situation
	for code, bodies := range map[string][]string{
		"unknown_field":   {`{"admin_state": "drain"}`, `{"Deadline": "1s"}`},
		"duplicate_field": {`{"then": "remove", "then": "remove"}`},
		"bad_deadline":    {`{"deadline": 30}`, `{"deadline": "30"}`, `{"deadline": ""}`, `{"deadline": null}`, `{"deadline": "-1s"}`, `{"deadline": "366d"}`},
		"bad_then":        {`{"then": ""}`, `{"then": "ready"}`, `{"then": null}`, `{"then": "Remove"}`},
	} {
		for _, body := range bodies {
			list = append(list, situationOf(400, code, "POST", oneDrain, body))
		}
	}
	return list
}

func valueErrors() []situation {
	var list []situation
	for _, op := range writes {
		if op.body == "" {
			continue
		}
		refused := func(code, fields string) {
			list = append(list, situationOf(400, code, op.method, op.path, op.inBody(fields)))
		}
		if op.path == oneDrain {
			list = append(list, drainErrors()...)
			continue
		}
		refused("unknown_field", `"nonsense": 5`)
		refused("duplicate_field", `"id": "a", "id": "a"`)
		if op.method == "DELETE" {
			refused("bad_id", `"id": "a b"`)
			refused("bad_address", `"address": ""`)
			refused("missing_field", ``)
			refused("bad_json", `"id": "a", "address": "b"`)
			continue
		}
		refused("unknown_field", `"Weight": 5`)
		refused("duplicate_field", `"labels": {"a": "1", "\u0061": "2"}`)
		refused("bad_weight", `"weight": 0`)
		refused("bad_weight", `"weight": 1001`)
		refused("bad_weight", `"weight": 1.5`)
		refused("bad_weight", `"weight": 1e2`)
		refused("bad_weight", `"weight": "5"`)
		refused("bad_weight", `"weight": null`)
		refused("bad_weight", `"weight": 99999999999999999999`)
		refused("bad_priority", `"priority": -1`)
		refused("bad_max_requests", `"max_requests": -1`)
		refused("bad_max_requests", `"max_requests": 4294967296`)
		refused("bad_admin_state", `"admin_state": "Ready"`)
		refused("bad_admin_state", `"admin_state": null`)
		refused("bad_labels", `"labels": null`)
		refused("bad_labels", `"labels": {"a": 5}`)
		refused("bad_labels", `"labels": {"": "5"}`)
		refused("bad_labels", `"labels": ["a"]`)
		refused("read_only_field", `"health": {"uri": "/healthz"}`)
		if op.method != "PUT" {
			refused("read_only_field", `"health": "up"`)
			refused("read_only_field", `"in_flight": 5`)
		}
		if op.method == "PATCH" {
			refused("read_only_field", `"id": "other"`)
		} else {
			refused("bad_id", `"id": ""`)
			refused("bad_id", `"id": ".."`)
			refused("bad_id", `"id": "a/b"`)
			refused("bad_id", `"id": null`)
			list = append(list, situationOf(400, "missing_field", op.method, op.path, strings.NewReplacer(`"address"`, `"id"`).Replace(op.body)))
		}
		for _, address := range []string{`""`, `5`, `null`, `"a:b"`, `"a:80-81"`, `"a:0"`, `"{env.HOME}:80"`, `"{file./etc/passwd}"`, `"http://u:p@a"`, `"ftp://a"`, `"a/b"`} {
			body := fmt.Sprintf(`{"address": %s}`, address)
			if op.method == "PUT" {
				body = `[` + body + `]`
			}
			list = append(list, situationOf(400, "bad_address", op.method, op.path, body))
		}
	}
	return list
}

func conflicts() []situation {
	put := func(status int, code, body string) situation {
		return situationOf(status, code, "PUT", allBackends, body)
	}
	list := []situation{
		situationOf(409, "duplicate_address", "PATCH", oneBackend, `{"address": "127.0.0.1:9002"}`),
		situationOf(422, "address_not_allowed", "PATCH", oneBackend, `{"address": "169.254.169.254"}`),
		situationOf(422, "none_accepting", "PATCH", oneBackend, `{"admin_state": "drain"}`).with(single()),
		situationOf(422, "none_accepting", "PATCH", oneBackend, `{"admin_state": "maintenance"}`).with(single()),
		situationOf(422, "none_accepting", "PATCH", oneBackend, `{"weight": 2, "admin_state": "drain"}`, "If-Match", `"1"`).with(single()),
		situationOf(422, "none_accepting", "DELETE", oneBackend, "").with(single()),
		situationOf(422, "none_accepting", "POST", oneDrain, "").with(single()),
		situationOf(422, "none_accepting", "DELETE", shortcut+"?id=127.0.0.1:9001&force=false", "").with(single()),
		put(409, "duplicate_id", `[{"id": "a", "address": "a"}, {"id": "a", "address": "b"}]`),
		put(409, "duplicate_address", `[{"id": "a", "address": "a"}, {"id": "b", "address": "http://A:80/"}]`),
		put(422, "address_not_allowed", `[`+newBackend+`, {"address": "[fe80::1]:80"}]`),
		put(422, "none_accepting", `[]`),
		put(422, "none_accepting", `[{"address": "127.0.0.1:9001", "admin_state": "drain"}, {"address": "127.0.0.1:9002", "admin_state": "maintenance"}]`),
	}
	for _, path := range []string{allBackends, shortcut} {
		list = append(list,
			situationOf(409, "duplicate_id", "POST", path, `{"id": "127.0.0.1:9001", "address": "127.0.0.1:9009"}`),
			situationOf(409, "duplicate_address", "POST", path, `{"id": "b", "address": "HTTP://127.0.0.1:9001"}`),
			situationOf(422, "address_not_allowed", "POST", path, `{"address": "169.254.169.254"}`),
		)
	}
	return list
}

func single() map[string][]config.Backend {
	return map[string][]config.Backend{"web": {{Address: "127.0.0.1:9001"}}}
}
