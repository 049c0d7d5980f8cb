package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct {
		in   string
		want Address
		text string // canonical; empty: as in
	}{
		{"127.0.0.1:9001", Address{Host: "127.0.0.1", Port: "9001"}, ""},
		{"127.0.0.1", Address{Host: "127.0.0.1", Port: "80"}, "127.0.0.1:80"},
		{":8080", Address{Host: "localhost", Port: "8080"}, "localhost:8080"},
		{"app", Address{Host: "app", Port: "80"}, "app:80"},
		{"App.Example.COM:0080", Address{Host: "app.example.com", Port: "80"}, "app.example.com:80"},
		{"app.example.com.:80", Address{Host: "app.example.com.", Port: "80"}, ""},
		{"app/", Address{Host: "app", Port: "80"}, "app:80"},
		{"my_app-1:81", Address{Host: "my_app-1", Port: "81"}, ""},
		{"3f4e5d6c7b8a:81", Address{Host: "3f4e5d6c7b8a", Port: "81"}, ""},
		{"10.0.0.1.nip.io:81", Address{Host: "10.0.0.1.nip.io", Port: "81"}, ""},
		{long + "." + long + ":1", Address{Host: long + "." + long, Port: "1"}, ""},
		{"Bücher.example:81", Address{Host: "xn--bcher-kva.example", Port: "81"}, "xn--bcher-kva.example:81"},
		{"xn--bcher-kva.example:81", Address{Host: "xn--bcher-kva.example", Port: "81"}, ""},

		{"[::1]:81", Address{Host: "::1", Port: "81"}, ""},
		{"[::1]", Address{Host: "::1", Port: "80"}, "[::1]:80"},
		{"::1", Address{Host: "::1", Port: "80"}, "[::1]:80"},
		{"[2001:DB8:0:0::1]:81", Address{Host: "2001:db8::1", Port: "81"}, "[2001:db8::1]:81"},
		{"[::ffff:10.0.0.1]:81", Address{Host: "10.0.0.1", Port: "81"}, "10.0.0.1:81"},
		{"[fe80::1%eth0]:81", Address{Host: "fe80::1%eth0", Port: "81"}, ""},

		{"http://app", Address{Host: "app", Port: "80"}, "app:80"},
		{"HTTP://App:81/", Address{Host: "app", Port: "81"}, "app:81"},
		{"http://[::1]:81", Address{Host: "::1", Port: "81"}, "[::1]:81"},
		{"http://:81", Address{Host: "localhost", Port: "81"}, "localhost:81"},
		{"https://app", Address{Scheme: "https", Host: "app", Port: "443"}, "https://app:443"},
		{"https://app:8443", Address{Scheme: "https", Host: "app", Port: "8443"}, ""},
		{"https://[::1]", Address{Scheme: "https", Host: "::1", Port: "443"}, "https://[::1]:443"},
		{"h2c://app", Address{Scheme: "h2c", Host: "app", Port: "80"}, "h2c://app:80"},

		{"tcp/app:81", Address{Host: "app", Port: "81"}, "app:81"},
		{"tcp4/app:81", Address{Network: "tcp4", Host: "app", Port: "81"}, ""},
		{"TCP6/app:81", Address{Network: "tcp6", Host: "app", Port: "81"}, "tcp6/app:81"},
		{"tcp4/127.0.0.1:81", Address{Host: "127.0.0.1", Port: "81"}, "127.0.0.1:81"},
		{"TCP6/[::1]:81", Address{Host: "::1", Port: "81"}, "[::1]:81"},
		{"unix//run/app.sock", Address{Network: "unix", Host: "/run/app.sock"}, ""},
		{"unix/run/App.sock", Address{Network: "unix", Host: "run/App.sock"}, ""},
		{"unix+h2c//run/app.sock", Address{Scheme: "h2c", Network: "unix", Host: "/run/app.sock"}, ""},

		{"{http.vars.App}:81", Address{Host: "{http.vars.App}", Port: "81"}, ""},
		{"{http.vars.App}", Address{Host: "{http.vars.App}"}, ""},
		{"{http.vars.App}/", Address{Host: "{http.vars.App}"}, "{http.vars.App}"},
		{"{http.vars.a}.app:{http.vars.p}", Address{Host: "{http.vars.a}.app", Port: "{http.vars.p}"}, ""},
		{"App:{http.vars.p}", Address{Host: "app", Port: "{http.vars.p}"}, "app:{http.vars.p}"},
		{":{http.vars.p}", Address{Host: "localhost", Port: "{http.vars.p}"}, "localhost:{http.vars.p}"},
		{"[::1]:{http.vars.p}", Address{Host: "::1", Port: "{http.vars.p}"}, ""},
		{"{http.a:b}:081", Address{Host: "{http.a:b}", Port: "81"}, "{http.a:b}:81"},
	}
	for _, test := range tests {
		got, err := ParseAddress(test.in)
		if err != nil || got != test.want {
			t.Errorf("%q: %+v, %v; want %+v", test.in, got, err, test.want)
			continue
		}
		text := test.text
		if text == "" {
			text = test.in
		}
		if got.String() != text {
			t.Errorf("%q: canonical %q, want %q", test.in, got, text)
		}
	}
}

func TestParseAddressErrors(t *testing.T) {
	long := strings.Repeat("a", 64)
	for in, want := range map[string]string{
		"":                   "empty",
		"/":                  "missing host",
		"tcp/":               "missing host",
		"http://":            "missing host",
		"https:///":          "missing host",
		" app":               "space",
		"app\x00:80":         "control character",
		"app\n:80":           "control character",
		"app\x7f":            "control character",
		"\xff:80":            "UTF-8",
		"app:":               "missing port",
		"[::1]:":             "missing port",
		"[::1]80":            "missing port",
		"app:http":           "bad port",
		"app:0":              "bad port",
		"app:65536":          "bad port",
		"app:-1":             "bad port",
		"app:+80":            "bad port",
		"app:99999999999999": "bad port",
		"app:８０":             "bad port",
		"a:b:80":             "too many colons",
		"1:2:3:80":           "too many colons",
		"[::1":               "missing ']'",
		"[app]:80":           "bad IPv6 address",
		"[10.0.0.1]:80":      "bad IPv6 address",
		"[::1%a]b]:80":       "missing port",
		"::1%a:80":           "too many colons",
		"[::1%{x}]:80":       "bad IPv6 address",
		"[]:80":              "bad IPv6 address",
		"10.0.0:80":          "bad IPv4 address",
		"10.0.0.256":         "bad IPv4 address",
		"010.0.0.1":          "bad IPv4 address",
		"0x7f.1":             "bad IPv4 address",
		"0x7f000001":         "bad IPv4 address",
		"2130706433":         "bad IPv4 address",
		"１０.０.０.１":           "bad IPv4 address",
		"app.":               "",
		".":                  "bad host name",
		"app..":              "bad host name",
		"a..b":               "bad host name",
		".app":               "bad host name",
		"-app":               "bad host name",
		"app-":               "bad host name",
		"a,b":                "bad host name",
		"user@app":           "bad host name",
		"app?x":              "bad host name",
		"app\\x":             "bad host name",
		"a\u00a0b":           "bad host name",
		long:                 "bad host name",
		long[:63] + strings.Repeat("."+long[:63], 4): "bad host name",
		"ftp://app":             "unsupported scheme ftp://",
		"ws://app":              "use http://",
		"wss://app":             "use https://",
		"http://app/path":       "only scheme, host and port",
		"http://app?query":      "only scheme, host and port",
		"http://app#x":          "only scheme, host and port",
		"http://u:p@app":        "only scheme, host and port",
		"http://http://app":     "only scheme, host and port",
		"http://{http.x}":       "together with a scheme",
		"http://a%zz":           "bad host",
		"https://app:80":        "conflicting scheme https:// and port 80",
		"http://app:443":        "conflicting scheme http:// and port 443",
		"H2C://app:0443":        "conflicting scheme h2c:// and port 443",
		"udp/app:80":            `unsupported network "udp"`,
		"app/path":              `unsupported network "app"`,
		"app:80/path":           `unsupported network "app:80"`,
		"tcp4/[::1]:80":         "not an address of the network tcp4",
		"tcp6/10.0.0.1:80":      "not an address of the network tcp6",
		"unix/":                 "missing path",
		"unix//run/a.sock|0222": "permissions",
		"foo{bar":               "bad host name",
		"foo}bar":               "bad host name",
		"}a{:80":                "unbalanced braces",
		"{a}{:80":               "unbalanced braces",
		"{a{b}}:80":             "nested braces",
		"{}:80":                 "empty placeholder",
		"{a}:99999":             "bad port",
		"app:80-81":             "port range not allowed here",
	} {
		_, err := ParseAddress(in)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", in, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: error %v, want %q in it", in, err, want)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"app:8000-8002":       "[app:8000 app:8001 app:8002]",
		"app:8000-8000":       "[app:8000]",
		"[::1]:1-2":           "[[::1]:1 [::1]:2]",
		"https://app:443-444": "[https://app:443 https://app:444]",
		"tcp4/app:1-2":        "[tcp4/app:1 tcp4/app:2]",
		"{http.x}:1-2":        "[{http.x}:1 {http.x}:2]",
		"unix//run/a-b":       "[unix//run/a-b]",
		"a-1.b:80":            "[a-1.b:80]",
		"app:2-1":             `bad port range "2-1"`,
		"app:1-":              `bad port ""`,
		"app:-":               `bad port ""`,
		"app:1-2-3":           `bad port "2-3"`,
		"app:0-3":             `bad port "0"`,
		"app:1-65536":         `bad port "65536"`,
		"app:1-1025":          "more than 1024 ports",
		"https://app:80-81":   "conflicting scheme https:// and port 80",
		"https://app:79-81":   "conflicting scheme https:// and port 80",
		"http://app:442-443":  "conflicting scheme http:// and port 443",
	} {
		list, err := ParseAddresses(in)
		if strings.HasPrefix(want, "[") {
			if got := fmt.Sprint(list); err != nil || got != want {
				t.Errorf("%q: %s, %v; want %s", in, got, err, want)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", in, err, want)
		}
	}
	if list, err := ParseAddresses("app:1-1024"); err != nil || len(list) != 1024 {
		t.Errorf("%d addresses, %v", len(list), err)
	}
}

func TestAddressMethods(t *testing.T) {
	tests := []struct{ in, dial, id, ip string }{
		{"app:81", "tcp app:81", "app:81", ""},
		{"10.0.0.1:81", "tcp 10.0.0.1:81", "10.0.0.1:81", "10.0.0.1"},
		{"[::1]:81", "tcp [::1]:81", "::1-:81", "::1"},
		{"[fe80::1%eth0]:81", "tcp [fe80::1%eth0]:81", "fe80::1-eth0-:81", "fe80::1%eth0"},
		{"tcp6/app:81", "tcp6 app:81", "tcp6-app:81", ""},
		{"https://app", "tcp app:443", "https:-app:443", ""},
		{"unix//run/app.sock", "unix /run/app.sock", "unix-run-app.sock", ""},
		{"unix+h2c//run/app.sock", "unix /run/app.sock", "unix-h2c-run-app.sock", ""},
		{"unix/10.0.0.1", "unix 10.0.0.1", "unix-10.0.0.1", ""},
		{"{http.vars.x}", "tcp {http.vars.x}", "http.vars.x", ""},
		{"{+}", "tcp {+}", "_", ""},
		{"{..}", "tcp {..}", "_..", ""},
	}
	for _, test := range tests {
		a, err := ParseAddress(test.in)
		if err != nil {
			t.Fatal(err)
		}
		network, address := a.Dial()
		if got := network + " " + address; got != test.dial {
			t.Errorf("%s: dials %s, want %s", test.in, got, test.dial)
		}
		if got := a.DefaultID(); got != test.id {
			t.Errorf("%s: id %q, want %q", test.in, got, test.id)
		}
		ip, ok := a.IP()
		if ok != (test.ip != "") || ok && ip.String() != test.ip {
			t.Errorf("%s: IP %s, %v", test.in, ip, ok)
		}
		if a.IsUnix() != strings.HasPrefix(test.dial, "unix ") || a.HasPlaceholder() != strings.Contains(test.in, "{") {
			t.Errorf("%s: unix %v, placeholder %v", test.in, a.IsUnix(), a.HasPlaceholder())
		}
	}
}

func TestReplaceGlobal(t *testing.T) {
	t.Setenv("CONFIG_TEST_HOST", "app:81")
	for in, want := range map[string]string{
		"{env.CONFIG_TEST_HOST}":                  "app:81",
		"{http.vars.x}:{env.CONFIG_TEST_NOT_SET}": "{http.vars.x}:",
		"app": "app",
	} {
		if got := ReplaceGlobal(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// Whatever is an address has a canonical spelling, which is the same address,
// and an id that is allowed as one.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"127.0.0.1:9001", ":8080", "app", "App.:80", "[::1]:81", "::1", "[fe80::1%eth0]:81", "[::ffff:1.2.3.4]",
		"http://app/", "https://[::1]", "h2c://app:81", "https://app:79-81", "tcp4/app", "tcp6/[::1]:1-3",
		"unix//run/app.sock", "unix+h2c/x", "{http.vars.x}", "{a}:{b}", "{a:b}:80", "[::1%{a}]:{b}", "a:{", "{}", "}{",
		"Bücher.example", "１.２.３.４", "0x7f.1", "app:80-", "/", "a/", "://", "[::1%a:b]:1", "::1%a", "İ.example", "ß.x", "xn--a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseAddresses(s)
		if err != nil {
			if list != nil {
				t.Fatalf("%q: addresses beside the error %v", s, err)
			}
			return
		}
		for i, a := range list {
			if i > 0 && i < len(list)-1 {
				continue
			}
			again, err := ParseAddress(a.String())
			if err != nil || again != a {
				t.Fatalf("%q: %+v, spelled %q, is parsed as %+v, %v", s, a, a, again, err)
			}
			if err := CheckID(a.DefaultID()); err != nil {
				t.Fatalf("%q: default id: %v", s, err)
			}
			if a.Host == "" {
				t.Fatalf("%q: no host in %+v", s, a)
			}
		}
	})
}
