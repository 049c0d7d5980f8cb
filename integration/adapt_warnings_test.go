package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAdaptWarnings is about what works, but is not what was meant, or has a
// better name. The line in question is the third of the file.
func TestAdaptWarnings(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"health_path /ok":                                       "health_path is deprecated; use health_uri",
		"max_fails 3":                                           "max_fails has no effect without fail_duration",
		"unhealthy_status 5xx":                                  "unhealthy_status has no effect without fail_duration",
		"unhealthy_latency 1s":                                  "unhealthy_latency has no effect without fail_duration",
		"header_up X-Forwarded-For {remote_host}":               "header_up X-Forwarded-For sets what is sent by default",
		"header_up X-Forwarded-Proto {scheme}":                  "header_up X-Forwarded-Proto sets what is sent by default",
		"header_up X-Forwarded-Host {hostport}":                 "header_up X-Forwarded-Host sets what is sent by default",
		"header_up Host {upstream_hostport}":                    "header_up Host sets what is sent by default to backends with https://",
		"header_up Host {http.request.host}":                    "",
		"header_up X-Forwarded-For {header.X-Foo}":              "",
		"fail_duration 10s\n\t\tmax_fails 3":                    "",
		"header_up Host {upstream_hostport}\n\t\theader_up A b": "header_up Host sets what is sent by default to backends with https://",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			warnings := adaptWarnings(t, ":8080 {\n\tload_balance https://10.0.0.1 https://10.0.0.2 {\n\t\t"+line+"\n\t}\n}\n")
			if want == "" && len(warnings) == 0 {
				return
			}
			if len(warnings) != 1 || warnings[0].Msg != want || warnings[0].Line != 3 || warnings[0].File != "Caddyfile" {
				t.Errorf("got %+v, want %q at Caddyfile:3", warnings, want)
			}
		})
	}
	t.Run("Host without TLS", func(t *testing.T) {
		t.Parallel()
		caddyfile := ":8080 {\n\tload_balance https://10.0.0.1 10.0.0.2 {\n\t\theader_up Host {upstream_hostport}\n\t}\n}\n"
		if warnings := adaptWarnings(t, caddyfile); len(warnings) > 0 {
			t.Errorf("got %+v", warnings)
		}
	})
}

type warning struct {
	Level, Logger, Msg, File string
	Line                     int
}

// adaptWarnings returns the warnings about the directive in a Caddyfile.
func adaptWarnings(t *testing.T, caddyfile string) []warning {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	_, log, err := caddyIn(t, dir, "adapt", "--config", "Caddyfile")
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	var warnings []warning
	for line := range strings.Lines(log) {
		var w warning
		if err := json.Unmarshal([]byte(line), &w); err == nil && w.Level == "warn" && w.Logger == "caddyfile" {
			warnings = append(warnings, w)
		}
	}
	return warnings
}
