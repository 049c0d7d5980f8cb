package config

import (
	"strings"
	"testing"
)

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "10.0.0.1:80", "A_b~c@d-e", "...", strings.Repeat("x", 128)} {
		if err := CheckID(id); err != nil {
			t.Error(err)
		}
	}
	for id, want := range map[string]string{
		"": "empty id", ".": "not allowed", "..": "not allowed", "a/b": "'/'", "a b": "' '", "a%2fb": "'%'",
		"a,b": "','", "a+b": "'+'", "ä": "not allowed", "a\x00": "not allowed", strings.Repeat("x", 129): "longer than 128",
	} {
		if err := CheckID(id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", id, err, want)
		}
	}
}

func TestCheckPoolName(t *testing.T) {
	for _, name := range []string{"app", "10.0.0.1:80,10.0.0.2:80+7", strings.Repeat("x", 256)} {
		if err := CheckPoolName(name); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]string{
		"": "empty pool name", "..": "not allowed", "a/b": "'/'", strings.Repeat("x", 257): "longer than 256",
	} {
		if err := CheckPoolName(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", name, err, want)
		}
	}
}
