package pool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// fill puts something that is not zero into every exported field of the struct
// that v is, and fails for types that it does not know: documents may not know
// them either.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		if !v.Type().Field(i).IsExported() {
			continue
		}
		if field.Kind() == reflect.Pointer && field.Type() != reflect.TypeFor[*config.ActiveHealth]() {
			field.Set(reflect.New(field.Type().Elem()))
			field = field.Elem()
		}
		switch field.Interface().(type) {
		case string:
			field.SetString("x")
		case int:
			field.SetInt(7)
		case config.Address:
			field.Set(reflect.ValueOf(config.Address{Scheme: "https", Host: "::1", Port: "81"}))
		case AdminState:
			field.Set(reflect.ValueOf(Drain))
		case map[string]string:
			field.Set(reflect.ValueOf(map[string]string{"zone": "<a>", "": "é"}))
		case Source:
			field.Set(reflect.ValueOf(FromDiscovery))
		case DrainPlan:
			fill(t, field)
		case Then:
			field.Set(reflect.ValueOf(ThenRemove))
		case time.Time:
			field.Set(reflect.ValueOf(wallTime(time.Now())))
		case *config.ActiveHealth:
			field.Set(reflect.ValueOf(&config.ActiveHealth{URI: "/healthz"}))
		default:
			t.Fatalf("field %s of %s has a type that this test does not know: have it stored, then add it here", name, v.Type())
		}
	}
}

// Every field that a runtime change can set is in the document, and every one
// of the definition that it was made against.
func TestDocumentHasAllFields(t *testing.T) {
	var s Spec
	fill(t, reflect.ValueOf(&s).Elem())
	s.Labels = map[string]string{"zone": "<a>"}
	s.ID, s.healthDigest = "a", "abc"
	added := s
	added.Source, added.Health, added.healthDigest = FromRuntime, nil, ""
	var p Patch
	fill(t, reflect.ValueOf(&p).Elem())
	p.Labels = s.Labels
	zero := Patch{
		Priority: ptr(0), MaxRequests: ptr(0), AdminState: ptr(Ready), Weight: ptr(1), Drain: &DrainPlan{},
		Labels: map[string]string{}, Address: &config.Address{Network: "unix", Host: "/run/a"},
	}
	base := s
	base.Health = nil // nothing but its digest
	for _, ch := range []*change{
		{id: "a", added: &added},
		{id: "a", removed: true, base: &s},
		{id: "a", patch: p, base: &s},
		{id: "a", patch: zero, base: &s},
	} {
		text, err := ch.encoded()
		must(t, err)
		want := &change{id: "a", added: ch.added, removed: ch.removed, patch: ch.patch}
		if ch.base != nil {
			want.base = &base
		}
		var indented bytes.Buffer // which takes another way
		must(t, json.Indent(&indented, text, "", "\t"))
		for _, text := range [][]byte{indented.Bytes(), text} {
			got, err := decodeChange(text)
			must(t, err)
			if got.base != nil && !got.base.equal(&s) {
				t.Errorf("the definition that was stored is not the same: %s", text)
			}
			got.text.Store(nil)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("of %s\ncame %+v\nwant %+v", text, got, want)
			}
		}
	}
}

// Secrets of probes are not in the document, nor is their text.
func TestDocumentHasNoSecrets(t *testing.T) {
	secret := config.ActiveHealth{
		Headers: map[string][]string{"Authorization": {"Bearer hunter2"}}, Body: "hunter2", URI: "/?key=hunter2",
	}
	def := define(t, "a:1")
	def.Backends = append(def.Backends, spec(t, config.Backend{Address: "b:1", Health: &secret}))
	st := &memStore{}
	def.Store = st
	p := newTestPool(t, nil, def)
	must(t, p.Remove("b:1", Options{}))
	if data := st.stored("test"); len(data) == 0 || bytes.Contains(data, []byte("hunter2")) {
		t.Errorf("stored is %s", data)
	}
	// another instance knows that the definition is the same, or not
	again := newTestPool(t, nil, &Definition{Policy: rotate{}})
	must(t, again.Adopt(st.stored("test")))
	same, _ := NewSpec(config.Backend{Address: "b:1", Health: new(secret)}, FromConfig)
	again.Commit("config 1", &Definition{Policy: rotate{}, Backends: []Spec{def.Backends[0], same}})
	if got := ids(again); got != "[a:1]" {
		t.Errorf("with the same settings of health checks, there are %s", got)
	}
	secret.Body = "hunter3"
	other, _ := NewSpec(config.Backend{Address: "b:1", Health: &secret}, FromConfig)
	again.Commit("config 1", &Definition{Policy: rotate{}, Backends: []Spec{def.Backends[0], other}})
	if got := ids(again); got != "[a:1 b:1]" {
		t.Errorf("with other settings of health checks, there are %s", got)
	}
}

// randomChanges returns some changes of any kind.
func randomChanges(t testing.TB, rnd *rand.Rand) *changes {
	var c changes
	random := func(source Source, id string) Spec {
		b := config.Backend{ID: id, Address: fmt.Sprintf("10.0.0.%d:%d", rnd.IntN(256), 1+rnd.IntN(65535)), Priority: rnd.IntN(3), MaxRequests: rnd.IntN(2) * 1000}
		if rnd.IntN(2) == 0 {
			b.Labels = map[string]string{"zone": string(rune('a' + rnd.IntN(26))), "\u2028": "\"<\\"}
		}
		if source == FromConfig && rnd.IntN(3) == 0 {
			b.Health = &config.ActiveHealth{Port: 1 + rnd.IntN(3)}
		}
		s, err := NewSpec(b, source)
		must(t, err)
		s.AdminState = []AdminState{Ready, Drain, Maintenance}[rnd.IntN(3)]
		if s.AdminState == Drain && source == FromRuntime {
			s.Drain = DrainPlan{Since: time.Unix(rnd.Int64N(1e9), rnd.Int64N(1e9)), Then: []Then{StayDrained, ThenRemove, ThenMaintenance}[rnd.IntN(3)]}.normal()
		}
		return s
	}
	for i := range rnd.IntN(20) {
		id := fmt.Sprint("b", i)
		def, other := random(FromConfig, id), random(FromRuntime, id)
		switch patch := diff(&def, &other); rnd.IntN(3) {
		case 0:
			c.put(&change{id: id, added: &other})
		case 1:
			c.put(&change{id: id, removed: true, base: &def})
		default:
			c.put(&change{id: id, patch: patch, base: &def})
		}
	}
	return &c
}

// What is stored is what is read, and with the same definitions amounts to the
// same backends.
func TestDocumentRoundTrip(t *testing.T) {
	for seed := range uint64(100) {
		c := randomChanges(t, rand.New(rand.NewPCG(seed, 2)))
		h := header{Pool: "test", Lineage: "abc", Number: 1 + seed, At: time.Now(), By: "admin API, ::1 (CN=\"x\")\xff"}
		data, err := encodeDocument(h, c)
		must(t, err)
		d, err := decodeDocument("test", data, nil)
		if err != nil {
			t.Fatalf("%v of %s", err, data)
		}
		if d.number != h.Number || d.lineage != h.Lineage {
			t.Errorf("number %d of %q", d.number, d.lineage)
		}
		var defs []Spec
		for i, ch := range c.list {
			if ch.base != nil {
				defs = append(defs, *ch.base)
			}
			got := d.changes.list[i]
			if got.id != ch.id || got.removed != ch.removed || !reflect.DeepEqual(got.patch, ch.patch) || !reflect.DeepEqual(got.added, ch.added) ||
				(ch.base != nil && !ch.base.equal(got.base)) {
				t.Fatalf("read %+v, stored %+v", got, ch)
			}
		}
		before, after := c.merge(defs, nil), d.changes.merge(defs, nil)
		if !reflect.DeepEqual(before.specs, after.specs) || !reflect.DeepEqual(before.gaveWay, after.gaveWay) {
			t.Fatalf("before %+v, after %+v", before, after)
		}
		// those that are known are not made anew
		again, err := decodeDocument("test", data, c.list)
		must(t, err)
		for i, ch := range c.list {
			if again.changes.list[i] != ch {
				t.Fatalf("change %d was made anew", i)
			}
		}
	}
}

const (
	goodHead   = `{"version":1,"pool":"test","lineage":"abc","number":3,"at":"2026-01-02T15:04:05Z","by":"x",`
	goodBase   = `{"address":"a:1","weight":1,"admin_state":"ready","source":"config"}`
	goodAdded  = `{"id":"n","added":{"address":"n:1","weight":1,"admin_state":"ready"}}`
	goodPatch  = `{"id":"a:1","patch":{"weight":3,"labels":{"a":"1"}},"base":` + goodBase + `}`
	goodRemove = `{"id":"b","removed":true,"base":` + goodBase + `}`
)

func documentOf(changes ...string) string {
	return goodHead + `"changes":[` + strings.Join(changes, ",") + `]}`
}

// The document that is shown in the documentation is one.
func TestDocumentedDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/state.md")
	must(t, err)
	_, rest, _ := strings.Cut(string(text), "```json\n")
	data, _, _ := strings.Cut(rest, "```")
	d, err := decodeDocument("web", []byte(data), nil)
	must(t, err)
	defs := []Spec{spec(t, config.Backend{ID: "web1", Address: "10.0.0.1"}), spec(t, config.Backend{ID: "web2", Address: "10.0.0.2"})}
	m := d.changes.merge(defs, nil)
	if len(m.specs) != 2 || m.specs[0].Weight != 5 || m.specs[1].ID != "web3" || len(m.gaveWay) > 0 {
		t.Errorf("it amounts to %+v, and %+v gives way", m.specs, m.gaveWay)
	}
}

// Documents that are not quite right are of no use, whatever is wrong.
func TestDamagedDocuments(t *testing.T) {
	good := documentOf(goodAdded, goodPatch, goodRemove)
	if _, err := decodeDocument("test", []byte(good), nil); err != nil {
		t.Fatal(err)
	}
	replace := func(old, by string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(good, old, by, 1)
	}
	added := func(fields string) string { return documentOf(`{"id":"n","added":{` + fields + `}}`) }
	for name, c := range map[string]struct{ text, reason string }{
		"empty":             {"", "EOF"},
		"truncated":         {good[:len(good)-9], "unexpected EOF"},
		"zeros":             {strings.Repeat("\x00", 100), "invalid character"},
		"not an object":     {"[]", "expected an object"},
		"null":              {"null", "expected an object"},
		"trailing data":     {good + "{}", "follows"},
		"not UTF-8":         {replace(`"by":"x"`, "\"by\":\"\xff\""), "not UTF-8"},
		"newer":             {replace(`"version":1`, `"version":2,"new":{}`), "version 2 is newer than 1"},
		"older":             {replace(`"version":1`, `"version":0`), "version 0"},
		"no version":        {replace(`"version":1,`, ``), "version 0"},
		"another pool":      {replace(`"pool":"test"`, `"pool":"Test"`), `pool "Test"`},
		"no lineage":        {replace(`"abc"`, `""`), "lineage"},
		"no number":         {replace(`"number":3`, `"number":0`), "number 0"},
		"huge number":       {replace(`"number":3`, `"number":18446744073709551615`), "bad number"},
		"no changes":        {goodHead[:len(goodHead)-1] + "}", "no changes"},
		"null changes":      {goodHead + `"changes":null}`, "null"},
		"unknown field":     {replace(`"by"`, `"who"`), `"who": unknown field`},
		"another case":      {replace(`"by"`, `"By"`), `"By": unknown field`},
		"twice":             {replace(`"by":"x"`, `"by":"x","by":"x"`), "comes twice"},
		"unknown in change": {replace(`"removed":true`, `"removed":true,"x":1`), `"x": unknown field`},
		"unknown in patch":  {replace(`"weight":3`, `"health_uri":"/"`), "unknown field"},
		"twice in a patch":  {replace(`"weight":3`, `"weight":3,"weight":3`), "comes twice"},
		"twice in labels":   {replace(`{"a":"1"}`, `{"a":"1","\u0061":"2"}`), "comes twice"},
		"null label":        {replace(`{"a":"1"}`, `{"a":null}`), "null"},
		"two of one id":     {documentOf(goodAdded, goodAdded), "another one"},
		"bad id":            {replace(`"id":"n"`, `"id":"n/"`), "id"},
		"two kinds":         {documentOf(`{"id":"n","removed":true,"added":{}}`), "neither"},
		"no kind":           {documentOf(`{"id":"n","base":` + goodBase + `}`), "neither"},
		"no base":           {documentOf(`{"id":"n","removed":true}`), "neither"},
		"empty patch":       {replace(`"weight":3,"labels":{"a":"1"}`, ``), "empty"},
		"health in a patch": {replace(`"weight":3`, `"health":"x"`), "health"},
		"bad weight":        {added(`"address":"n:1","weight":0,"admin_state":"ready"`), "weight 0"},
		"huge weight":       {added(`"address":"n:1","weight":1001,"admin_state":"ready"`), "weight 1001"},
		"weight is text":    {added(`"address":"n:1","weight":"1","admin_state":"ready"`), "weight"},
		"no weight":         {added(`"address":"n:1","admin_state":"ready"`), "no weight"},
		"no address":        {added(`"weight":1,"admin_state":"ready"`), "no address"},
		"no admin state":    {added(`"address":"n:1","weight":1`), "no admin_state"},
		"bad address":       {added(`"address":"n:1-2","weight":1,"admin_state":"ready"`), "port range"},
		"bad priority":      {added(`"address":"n:1","weight":1,"admin_state":"ready","priority":-1`), "priority"},
		"bad max_requests":  {added(`"address":"n:1","weight":1,"admin_state":"ready","max_requests":-1`), "max_requests"},
		"bad admin state":   {added(`"address":"n:1","weight":1,"admin_state":"Ready"`), "admin_state"},
		"bad label":         {added(`"address":"n:1","weight":1,"admin_state":"ready","labels":{"":"x"}`), "label"},
		"bad drain":         {added(`"address":"n:1","weight":1,"admin_state":"drain","drain":{"then":"explode"}`), "explode"},
		"bad time":          {added(`"address":"n:1","weight":1,"admin_state":"drain","drain":{"since":"yesterday"}`), "since"},
		"source of added":   {added(`"address":"n:1","weight":1,"admin_state":"ready","source":"config"`), "source"},
		"bad source":        {replace(`"source":"config"`, `"source":"Config"`), "source"},
		"too many changes":  {documentOf(strings.Repeat("{},", maxChanges) + "{}"), "changes are more than"},
		"too large":         {good + strings.Repeat(" ", MaxDocument), "bytes are more than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeDocument("test", []byte(c.text), nil)
			var e *DocumentError
			if !errors.As(err, &e) || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("error %v, want one with %q", err, c.reason)
			}
		})
	}
}

// No prefix of a document passes for one.
func TestTruncatedDocuments(t *testing.T) {
	good := documentOf(goodAdded, goodPatch, goodRemove)
	for n := range len(good) {
		if _, err := decodeDocument("test", []byte(good[:n]), nil); err == nil {
			t.Errorf("the first %d bytes were read", n)
		}
	}
}

// FuzzDocument reads anything. What is good is the same again once it was
// stored.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(documentOf(goodAdded, goodPatch, goodRemove)))
	f.Add([]byte(documentOf()))
	f.Add([]byte(documentOf(`{"id":"n","added":{"address":"{env.X}:1","weight":1,"admin_state":"drain","drain":{"since":"2026-01-02T15:04:05+07:00","then":"remove"},"labels":{}}}`)))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte("[" + strings.Repeat("[", 100)))
	for seed := range uint64(5) {
		data, err := encodeDocument(header{Pool: "test", Lineage: "abc", Number: 1}, randomChanges(f, rand.New(rand.NewPCG(seed, 3))))
		must(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := decodeDocument("test", data, nil)
		if err != nil {
			if _, ok := errors.AsType[*DocumentError](err); !ok {
				t.Fatalf("error %T", err)
			}
			return
		}
		h := header{Pool: "test", Lineage: d.lineage, Number: d.number, By: d.by}
		first, err := encodeDocument(h, &d.changes)
		must(t, err)
		again, err := decodeDocument("test", first, nil)
		if err != nil {
			t.Fatalf("%v of %s", err, first)
		}
		second, err := encodeDocument(h, &again.changes)
		must(t, err)
		if !bytes.Equal(first, second) {
			t.Errorf("first %s\nthen  %s", first, second)
		}
	})
}
