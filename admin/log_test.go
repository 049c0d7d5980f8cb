package admin

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// TestLog compares the line of each change with what is expected in it.
func TestLog(t *testing.T) {
	for _, c := range []struct {
		method, target, body string
		want                 string // the line, without time and client
	}{
		{
			"POST", allBackends, newBackend,
			`{"level":"info","msg":"backend added by request","action":"add","pool":"web","backend":"127.0.0.1:9009","outcome":"done","revision":2,` +
				`"old":null,"new":{"id":"127.0.0.1:9009","address":"127.0.0.1:9009","weight":1,"priority":0,"max_requests":0,"admin_state":"ready"}}`,
		},
		{
			"PATCH", oneBackend, `{"weight": 5, "priority": 0, "labels": {"a": "b"}}`,
			`{"level":"info","msg":"backend changed by request","action":"patch","pool":"web","backend":"127.0.0.1:9001","outcome":"done","revision":2,` +
				`"old":{"weight":1,"labels":{}},"new":{"weight":5,"labels":{"a":"b"}}}`,
		},
		{
			"DELETE", shortcut + "?address=127.0.0.1:9001", "",
			`{"level":"info","msg":"backend removed by request","action":"remove","pool":"web","backend":"127.0.0.1:9001","outcome":"done","revision":2,` +
				`"old":{"id":"127.0.0.1:9001","address":"127.0.0.1:9001","weight":1,"priority":0,"max_requests":0,"admin_state":"ready"},"new":null}`,
		},
		{
			"PUT", allBackends, `[{"address": "127.0.0.1:9001", "weight": 2}, {"address": "127.0.0.1:9003"}]`,
			`{"level":"info","msg":"backend set replaced by request","action":"replace","pool":"web","backend":"","outcome":"done","revision":2,` +
				`"old":[{"id":"127.0.0.1:9001","weight":1},{"id":"127.0.0.1:9002","address":"127.0.0.1:9002","weight":1,"priority":0,"max_requests":0,"admin_state":"ready"}],` +
				`"new":[{"id":"127.0.0.1:9001","weight":2},{"id":"127.0.0.1:9003","address":"127.0.0.1:9003","weight":1,"priority":0,"max_requests":0,"admin_state":"ready"}]}`,
		},
		{
			"PATCH", oneBackend, `{"weight": 0}`,
			`{"level":"warn","msg":"backend change refused","action":"patch","pool":"web","backend":"127.0.0.1:9001","outcome":"refused","status":400,` +
				`"code":"bad_weight","error":"\"weight\": 0 is not a whole number from 1 to 1000"}`,
		},
		{
			"GET", allBackends + "/other", "",
			`{"level":"info","msg":"request refused","outcome":"refused","status":404,"code":"unknown_backend","error":"pool \"web\" has no backend \"other\""}`,
		},
		{
			"PATCH", oneBackend + "?dry_run=true", `{"weight": 5}`,
			`{"level":"debug","msg":"backend change rehearsed","action":"patch","pool":"web","backend":"127.0.0.1:9001","outcome":"rehearsed","revision":1,` +
				`"old":{"weight":1},"new":{"weight":5}}`,
		},
		{
			"DELETE", allBackends + "/other?dry_run=true", "",
			`{"level":"debug","msg":"backend change refused","action":"remove","pool":"web","backend":"other","outcome":"refused","status":404,` +
				`"code":"unknown_backend","error":"pool \"web\" has no backend \"other\""}`,
		},
		{"GET", "/load_balance/status", "", ""},
	} {
		s := newAPI(t, two())
		var out bytes.Buffer
		s.api.logger = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{
			MessageKey: "msg", LevelKey: "level", EncodeLevel: zapcore.LowercaseLevelEncoder,
		}), zapcore.AddSync(&out), zap.DebugLevel))
		s.direct(t.Context(), c.method, c.target, c.body)
		client := `"method":"` + c.method + `","uri":"http://localhost` + c.target + `","remote_addr":"192.0.2.1:1234",`
		got := strings.Replace(out.String(), client, "", 1)
		if c.want != "" && got == out.String() {
			t.Errorf("%s %s: no %s in %s", c.method, c.target, client, out.String())
		}
		if strings.TrimSuffix(got, "\n") != c.want {
			t.Errorf("%s %s: got\n%s\nwant\n%s", c.method, c.target, got, c.want)
		}
	}
}

// TestChangeSaysWhoMadeIt looks at what the pool is told of the client.
func TestChangeSaysWhoMadeIt(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if got := client(r); got != "192.0.2.1" {
		t.Errorf("got %q", got)
	}
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "ops"}}}}
	if got := client(r); got != "192.0.2.1 (CN=ops)" {
		t.Errorf("got %q", got)
	}
	r.TLS, r.RemoteAddr = nil, "@"
	if got := client(r); got != "unix socket" {
		t.Errorf("got %q", got)
	}
}

// TestInternalErrorsAreNotShown makes sure that what only the operator may know
// goes to the log alone.
func TestInternalErrorsAreNotShown(t *testing.T) {
	for _, err := range []error{errors.New("secret path"), &pool.Error{Code: "not yet known", Message: "secret path"}} {
		f := asFailure(err)
		body, encodeErr := json.Marshal(f)
		if encodeErr != nil || f.status != 500 || f.Code != codeInternal || strings.Contains(string(body), "secret") {
			t.Errorf("%v is answered with %d %s", err, f.status, body)
		}
	}
}
