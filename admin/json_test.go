package admin

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestJSONRefused(t *testing.T) {
	for body, code := range map[string]string{
		``:                                codeBadJSON,
		` `:                               codeBadJSON,
		"\ufeff{}":                        codeBadJSON,
		`{`:                               codeBadJSON,
		`{}{}`:                            codeBadJSON,
		`{} []`:                           codeBadJSON,
		`{"a":1,}`:                        codeBadJSON,
		`{'a':1}`:                         codeBadJSON,
		`{a:1}`:                           codeBadJSON,
		`{"a":NaN}`:                       codeBadJSON,
		`{"a":Infinity}`:                  codeBadJSON,
		`{"a":01}`:                        codeBadJSON,
		`{"a":+1}`:                        codeBadJSON,
		`{"a":1} // no`:                   codeBadJSON,
		"{\"a\":\"\xff\"}":                codeBadJSON,
		"{\"a\":\"\n\"}":                  codeBadJSON,
		`{"a":"\ud800"}`:                  codeBadJSON,
		`{"a":"\ud800\u0041"}`:            codeBadJSON,
		`{"a":"\udc00\ud800"}`:            codeBadJSON,
		`{"a":1,"a":1}`:                   codeDuplicateField,
		`{"a":1,"\u0061":2}`:              codeDuplicateField,
		`[{"x":{"a":1,"b":{},"a":null}}]`: codeDuplicateField,
		strings.Repeat("[", 17) + strings.Repeat("]", 17):         codeBadJSON,
		strings.Repeat("[", 100000) + strings.Repeat("]", 100000): codeBadJSON,
	} {
		v, f := parseJSON([]byte(body))
		if f == nil {
			t.Errorf("%.40q was taken as %v", body, v)
		} else if f.Code != code || f.Message == "" {
			t.Errorf("%.40q: got %q (%s), want %q", body, f.Code, f.Message, code)
		}
	}
	if _, f := parseJSON([]byte(`[1, {"labels": {"a": "x", "a": "y"}}]`)); f == nil || f.Field != "[1].labels.a" {
		t.Errorf("got %+v", f)
	}
}

func TestJSONTaken(t *testing.T) {
	for _, body := range []string{
		`null`, ` true `, `"x"`, `-0.5e-3`, `[]`, `{}`, "\n[1, \"a\\u00e9\", {\"a\": {\"a\": null}, \"A\": 1}]\t",
		`"\ud83d\ude00 \\ud800 \u005c\uFFFD"`, strings.Repeat("[", 16) + strings.Repeat("]", 16),
	} {
		if _, f := parseJSON([]byte(body)); f != nil {
			t.Errorf("%s: %v", body, f)
		}
	}
}

// FuzzJSON compares what is taken with what encoding/json makes of it.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"address": "127.0.0.1:9001", "labels": {"a": "b"}}`, `[{"weight": 1.5}, null]`, `{"a":1,"a":2}`,
		`"\ud83d\ude00"`, `"\ud83d"`, `[[[[]]]]`, `{"":0}`, "\xff", `"\\u"`, `"\ud800\udc"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, bad := parseJSON(body)
		if bad != nil {
			if bad.status != 400 || bad.Code == "" || bad.Message == "" {
				t.Errorf("%q: %+v", body, bad)
			}
			return
		}
		if !utf8.Valid(body) {
			t.Errorf("%q is not UTF-8", body)
		}
		dec := json.NewDecoder(strings.NewReader(string(body)))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("%q was taken: %v", body, err)
		}
		if plain := plainJSON(got); !reflect.DeepEqual(plain, want) {
			t.Errorf("%q: got %v, want %v", body, plain, want)
		}
	})
}

// plainJSON turns what parseJSON returns into what encoding/json would.
func plainJSON(v any) any {
	switch v := v.(type) {
	case *object:
		m := make(map[string]any)
		for name, value := range v.values {
			m[name] = plainJSON(value)
		}
		return m
	case []any:
		for i := range v {
			v[i] = plainJSON(v[i])
		}
	}
	return v
}
