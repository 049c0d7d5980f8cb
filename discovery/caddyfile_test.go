package discovery

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// unmarshal reads a source from a Caddyfile, and returns its JSON.
func unmarshal(input string) (string, error) {
	d := caddyfile.NewTestDispenser(input)
	d.Next()
	name := d.Val()
	unm, err := caddyfile.UnmarshalModule(d, namespace+"."+name)
	if err != nil {
		return "", err
	}
	return string(caddyconfig.JSONModuleObject(unm, "source", name, nil)), nil
}

func TestUnmarshalCaddyfile(t *testing.T) {
	tests := []struct{ input, want string }{
		{"a foo", `{"name": "foo", "source": "a"}`},
		{"a foo 9000", `{"name": "foo", "port": "9000", "source": "a"}`},
		{"a foo {\n port {env.PORT}\n}", `{"name": "foo", "port": "{env.PORT}", "source": "a"}`},
		{
			"a {\n name foo\n port 9000\n refresh 5m\n resolvers 8.8.8.8 8.8.4.4\n dial_timeout 2s\n dial_fallback_delay 300ms\n versions ipv6\n}",
			`{"dial_fallback_delay": 300000000, "dial_timeout": 2000000000, "name": "foo", "port": "9000", "refresh": 300000000000,
				"resolver": {"addresses": ["8.8.8.8", "8.8.4.4"]}, "source": "a", "versions": {"ipv6": true}}`,
		},
		{"a foo {\n versions ipv4 ipv6\n}", `{"name": "foo", "source": "a", "versions": {"ipv4": true, "ipv6": true}}`},
		{"srv _api._tcp.example.com", `{"name": "_api._tcp.example.com", "source": "srv"}`},
		{
			"srv {\n service api\n proto tcp\n name example.com\n refresh 5m\n resolvers 8.8.8.8\n dial_timeout 1s\n dial_fallback_delay -1s\n grace_period 5s\n}",
			`{"dial_fallback_delay": -1000000000, "dial_timeout": 1000000000, "grace_period": 5000000000, "name": "example.com", "proto": "tcp",
				"refresh": 300000000000, "resolver": {"addresses": ["8.8.8.8"]}, "service": "api", "source": "srv"}`,
		},
		{
			"multi {\n a foo 80\n srv {\n name bar\n }\n multi {\n a baz\n }\n}",
			`{"source": "multi", "sources": [{"name": "foo", "port": "80", "source": "a"}, {"name": "bar", "source": "srv"},
				{"source": "multi", "sources": [{"name": "baz", "source": "a"}]}]}`,
		},
	}
	for _, test := range tests {
		got, err := unmarshal(test.input)
		if err != nil {
			t.Errorf("%s: %v", test.input, err)
			continue
		}
		if got, want := canonical(t, got), canonical(t, test.want); got != want {
			t.Errorf("%s:\n got %s\nwant %s", test.input, got, want)
		}
	}
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestUnmarshalCaddyfileErrors(t *testing.T) {
	for input, want := range map[string]string{
		"a b 80 c":                                       "rong argument count",
		"a {\n what\n}":                                  `unrecognized a option "what"`,
		"a {\n grace_period 5s\n}":                       `unrecognized a option "grace_period"`,
		"a foo {\n name bar\n}":                          `a option "name" is already set`,
		"a foo 80 {\n port 81\n}":                        `a option "port" is already set`,
		"a {\n refresh 1s\n refresh 1s\n}":               `a option "refresh" is already set`,
		"a {\n resolvers 1.1.1.1\n resolvers 1.1.1.1\n}": `already set`,
		"a {\n versions ipv4\n versions ipv6\n}":         `already set`,
		"a {\n versions\n}":                              "rong argument count",
		"a {\n versions 4\n}":                            `unsupported version "4"`,
		"a {\n resolvers\n}":                             "rong argument count",
		"a {\n name\n}":                                  "rong argument count",
		"a {\n name a b\n}":                              "rong argument count",
		"a {\n refresh soon\n}":                          `refresh: bad duration "soon"`,
		"a {\n refresh\n}":                               "rong argument count",
		"a {\n name foo {\n bar\n }\n}":                  `unrecognized a option "{"`,
		"a":                                              "a: name is missing",
		"a {\n port 80\n}":                               "a: name is missing",
		"a foo http":                                     `a: address "foo:http": bad port "http"`,
		"a foo {\n refresh -1s\n}":                       "a: refresh -1s is ",
		"srv":                                            "srv: name is missing",
		"srv {\n service api\n}":                         "srv: name is missing",
		"srv x {\n grace_period -1s\n}":                  "srv: grace_period -1s is negative",
		"multi {\n a foo\n a\n}":                         "Testfile:3",
		"srv a b":                                        "rong argument count",
		"srv {\n port 80\n}":                             `unrecognized srv option "port"`,
		"srv {\n service a\n service b\n}":               `srv option "service" is already set`,
		"srv {\n grace_period x\n}":                      `grace_period: bad duration "x"`,
		"multi":                                          "multi has no sources",
		"multi {\n}":                                     "multi has no sources",
		"multi foo {\n a foo\n}":                         "rong argument count",
		"multi {\n dns foo\n}":                           `unknown source "dns"`,
		"multi {\n a foo {\n what\n }\n}":                `unrecognized a option "what"`,
	} {
		_, err := unmarshal(input)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", input, err, want)
		} else if !strings.Contains(err.Error(), "Testfile:") {
			t.Errorf("%q: error %q does not say where", input, err)
		}
	}
}

// Whatever a Caddyfile has, what comes of it is JSON that means the same again.
func FuzzUnmarshalCaddyfile(f *testing.F) {
	for _, seed := range []string{
		"a foo 9000", "a {\n name foo\n refresh 5m\n versions ipv4 ipv6\n}", "a foo {\n resolvers 1.1.1.1\n}",
		"srv _api._tcp.x", "srv {\n service api\n proto tcp\n name x\n grace_period 5s\n}",
		"multi {\n a foo\n srv bar\n}", "multi {\n multi {\n a {\n port 1\n }\n }\n}",
		"a {", "a }", "a \"\" \"\"", "a {\n}\n}", "srv {\n dial_timeout -1d\n}", "multi { a b }", "a {$X}", "a {\n name {env.X}\n}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		if len(input) > 1<<12 {
			return
		}
		d := caddyfile.NewTestDispenser(input)
		if !d.Next() {
			return
		}
		module, err := caddy.GetModule(namespace + "." + d.Val())
		if err != nil {
			return
		}
		name := d.Val()
		unm, err := caddyfile.UnmarshalModule(d, namespace+"."+name)
		if err != nil {
			return
		}
		text := caddyconfig.JSONModuleObject(unm, "source", name, nil)
		again := module.New()
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		delete(fields, "source")
		plain, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if err := caddy.StrictUnmarshalJSON(plain, again); err != nil {
			t.Fatalf("%s: %v", plain, err)
		}
		if second := caddyconfig.JSONModuleObject(again, "source", name, nil); string(second) != string(text) {
			t.Fatalf("%s became %s", text, second)
		}
	})
}
