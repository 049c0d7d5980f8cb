package balancer

import (
	"net/http"
	"strings"
	"testing"
)

func TestHeaderHash(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `header X-A`, json: `{"policy": "header", "field": "X-A"}`},
		{input: "header X-A {\n fallback ip_hash\n}", json: `{"policy": "header", "field": "X-A", "fallback": {"policy": "ip_hash"}}`},
		{input: `header`, err: "wrong argument count"},
		{input: `header A B`, err: "wrong argument count"},
		{input: "header A {\n x\n}", err: `unrecognized option "x"`},
	})
	if _, err := tryPolicy(t, `{"policy": "header"}`); err == nil || !strings.Contains(err.Error(), "field is required") {
		t.Error(err)
	}
	sameness(t, `{"policy": "header", "field": "x-a", "fallback": {"policy": "first"}}`,
		[]*http.Request{get("/", "X-A", "1"), get("/", "x-a", "1", "X-B", "2"), get("/", "X-A", "1", "X-A", "2")},
		[]*http.Request{get("/", "X-A", "2")},
		[]*http.Request{get("/"), get("/", "X-A", ""), get("/", "X-B", "1")}, // the fallback's
	)
	sameness(t, `{"policy": "header", "field": "host", "fallback": {"policy": "first"}}`,
		[]*http.Request{get("http://one/"), get("http://one/x", "X-A", "2")},
		[]*http.Request{get("http://two/")},
	)
}

func BenchmarkHeaderHash(b *testing.B) { benchmarkPolicy(b, `{"policy": "header", "field": "X-Key"}`) }
