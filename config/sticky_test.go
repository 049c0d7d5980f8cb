package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestValidateSticky(t *testing.T) {
	const cfg = `{"backends": [{"address": "a"}], "load_balancing": {%s}}`
	for _, good := range []string{
		`"sticky": {"by": "client_ip"}`,
		`"sticky": {"by": "client_ip"}, "selection_policy": {"policy": "ip_hash"}`,
		`"sticky": {"by": "cookie"}`,
		`"sticky": {"by": "cookie", "name": "__Host-lb", "path": "/"}`,
		`"sticky": {"by": "cookie", "name": "s", "secret": "{env.A}", "max_age": "1h", "path": "/a b", "domain": ".example.com", "same_site": "none"}`,
	} {
		if err := check(t, fmt.Sprintf(cfg, good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		`"sticky": {}`:                               `sticky "" is neither "cookie" nor "client_ip"`,
		`"sticky": {"by": "magic"}`:                  `sticky "magic" is neither`,
		`"sticky": {"by": "client_ip", "name": "a"}`: "sticky client_ip takes no options",
		`"sticky": {"by": "cookie"}, "selection_policy": {"policy": "cookie"}`:    "does not go together with the policy cookie",
		`"sticky": {"by": "client_ip"}, "selection_policy": {"policy": "cookie"}`: "does not go together with the policy cookie",
		`"sticky": {"by": "cookie", "same_site": "Lax"}`:                          `same_site "Lax"`,
		`"sticky": {"by": "cookie", "max_age": "10ms"}`:                           "max_age 10ms must be at least 1s",
		`"sticky": {"by": "cookie", "max_age": "-1s"}`:                            "max_age -1s must be at least 1s",
		`"sticky": {"by": "cookie", "name": "a b"}`:                               `cookie name "a b" is not a token`,
		`"sticky": {"by": "cookie", "name": "a;b"}`:                               `cookie name "a;b" is not a token`,
		`"sticky": {"by": "cookie", "name": "a=b"}`:                               `cookie name "a=b" is not a token`,
		`"sticky": {"by": "cookie", "name": "a\r\nb"}`:                            `cookie name "a\r\nb" is not a token`,
		`"sticky": {"by": "cookie", "path": "app"}`:                               `path "app" does not begin with /`,
		`"sticky": {"by": "cookie", "path": "/; Domain=evil"}`:                    `path "/; Domain=evil"`,
		`"sticky": {"by": "cookie", "path": "/\r\nA: b"}`:                         `path "/\r\nA: b"`,
		`"sticky": {"by": "cookie", "domain": "a b"}`:                             `domain "a b" is not a domain`,
		`"sticky": {"by": "cookie", "domain": "a.example; Path=/x"}`:              "is not a domain",
		`"sticky": {"by": "cookie", "name": "__host-lb", "path": "/app"}`:         "allows neither domain nor path",
		`"sticky": {"by": "cookie", "name": "__Host-lb", "domain": "a.com"}`:      "allows neither domain nor path",
	} {
		if err := check(t, fmt.Sprintf(cfg, bad)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", bad, err, want)
		}
	}
}

func TestCookieName(t *testing.T) {
	names := make(map[string]string)
	for _, pool := range []string{"", "api", "web", "a,b:1"} {
		name := new(Sticky).CookieName(pool)
		if other, taken := names[name]; taken {
			t.Errorf("pools %q and %q have the same cookie", pool, other)
		}
		names[name] = pool
		if err := (&Sticky{By: StickyCookie, Name: name}).validate(nil); err != nil {
			t.Errorf("pool %q: %v", pool, err)
		}
		if got := (&Sticky{Name: "mine"}).CookieName(pool); got != "mine" {
			t.Errorf("pool %q: %s", pool, got)
		}
	}
	if names["lb"] != "" {
		t.Errorf("names are %v", names)
	}
}
