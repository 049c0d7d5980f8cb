package balancer

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool/pooltest"
)

func TestQueryHash(t *testing.T) {
	testAdaptation(t, []adaptation{
		{input: `query id`, json: `{"policy": "query", "key": "id"}`},
		{input: "query id {\n fallback round_robin\n}", json: `{"policy": "query", "key": "id", "fallback": {"policy": "round_robin"}}`},
		{input: `query`, err: "wrong argument count"},
		{input: `query a b`, err: "wrong argument count"},
		{input: "query a {\n fallback\n}", err: "wrong argument count"},
		{input: "query a {\n fallback first\n fallback first\n}", err: "fallback is specified twice"},
		{input: "query a {\n fallback random_choose 1\n}", err: "at least 2"},
		{input: "query a {\n max_age 1s\n}", err: `unrecognized option "max_age"`},
	})
	if _, err := tryPolicy(t, `{"policy": "query"}`); err == nil || !strings.Contains(err.Error(), "key is required") {
		t.Error(err)
	}
	sameness(t, `{"policy": "query", "key": "k", "fallback": {"policy": "first"}}`,
		[]*http.Request{get("/?k=a+b"), get("/x?z=1&k=a%20b"), get("/?%6b=%61+b")},
		[]*http.Request{get("/?k=a&k=b"), get("/?k=a&x=y&k=b"), get("/?k=a,b")},
		[]*http.Request{get("/?k=b&k=a")},
		[]*http.Request{get("/"), get("/?k="), get("/?k"), get("/?K=a")}, // the fallback's
	)
}

// FuzzHashQuery compares with the values that net/url finds.
func FuzzHashQuery(f *testing.F) {
	for _, seed := range []string{"", "k", "k=", "k=&k=", "k=1;k=2", "k=%", "k=%4", "k=%zz", "%6B=%41+%42", "=k", "k=a=b", "a=b&k=c&&k=d&", "%6=1", "k=" + strings.Repeat("%41x", 50)} {
		f.Add(seed, "k")
	}
	f.Add("=a", "")
	f.Fuzz(func(t *testing.T, query, key string) {
		if strings.Count(query, "&") > 1000 {
			return // net/url has a limit on the number of parameters
		}
		values, _ := url.ParseQuery(query)
		want := strings.Join(values[key], ",")
		hash, ok := hashQuery(query, key)
		if ok != (want != "") || ok && hash != xxhash.Sum64String(want) {
			t.Errorf("%q in %q: ok is %t, the value is %q", key, query, ok, want)
		}
	})
}

// TestFallbackTracksLoads: picks by the query count for a fallback that goes
// by load.
func TestFallbackTracksLoads(t *testing.T) {
	members := pooltest.Members(t, equalWeights(40)...)
	p := newPolicy(t, everyPolicy["query, tracked"]).NewPicker(members, nil)
	q := seeded(1)
	first := p.Pick(q).Index
	q.HTTP.URL.RawQuery = ""
	for range 39 {
		if m := p.Pick(q); m.Index == first {
			t.Fatalf("member %d got a second request while others had none", first)
		}
	}
	treeAgrees(t, p.(*trackingEither).fallback.(*loadTree))
}

// TestFallbackGoesOnOverRebuilds: the fallback's picker follows that of before.
func TestFallbackGoesOnOverRebuilds(t *testing.T) {
	members := pooltest.Members(t, 1, 1, 1)
	policy := newPolicy(t, `{"policy": "query", "key": "none", "fallback": {"policy": "round_robin"}}`)
	first := policy.NewPicker(members, nil)
	q := seeded(1)
	a := first.Pick(q)
	second := policy.NewPicker(members, first)
	if b := second.Pick(q); b.Index != a.Index+1 {
		t.Errorf("picked %d, then %d", a.Index, b.Index)
	}
	if second.(*either).chooser.(*hashed).ring.layout != first.(*either).chooser.(*hashed).ring.layout {
		t.Error("the ring was made again for the same members")
	}
}

func BenchmarkQueryHash(b *testing.B) { benchmarkPolicy(b, `{"policy": "query", "key": "key"}`) }
