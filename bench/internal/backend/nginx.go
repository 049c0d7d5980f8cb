package backend

import (
	"bytes"
	"os"
	"path/filepath"
	"text/template"
)

// nginxConfig has one worker, since it has little to do, and keeps connections
// for as long as the proxy wants.
var nginxConfig = template.Must(template.New("nginx").Parse(`
{{- if .Root}}user root;
{{end -}}
daemon off;
worker_processes 1;
error_log stderr error;
pid nginx.pid;
events { worker_connections {{.Connections}}; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	open_file_cache max=10;
	keepalive_timeout 1h;
	keepalive_requests 1000000000;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	scgi_temp_path scgi;
	uwsgi_temp_path uwsgi;
	server {
		listen 0.0.0.0:{{.HTTP}} backlog=4096;
		listen 0.0.0.0:{{.HTTPS}} ssl backlog=4096;
		ssl_certificate {{.Cert}};
		ssl_certificate_key {{.Key}};
		default_type text/plain;
		root files;
		location = {{.Path}} { return 200 "{{.Text}}"; }
	}
}
`))

// writeNginx writes nginx's configuration and its files into dir, and returns
// nginx's arguments.
func writeNginx(dir string, http, https int, options Options) ([]string, error) {
	for path, body := range files {
		name := filepath.Join(dir, "files", path)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, body, 0o600); err != nil {
			return nil, err
		}
	}
	var text bytes.Buffer
	err := nginxConfig.Execute(&text, map[string]any{
		"Root":        os.Geteuid() == 0, // the workers would not be let into dir
		"Connections": options.FileLimit - 100,
		"HTTP":        http,
		"HTTPS":       https,
		"Cert":        options.Cert,
		"Key":         options.Key,
		"Path":        Small,
		"Text":        Greeting,
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	return []string{"-p", dir, "-c", file, "-e", "stderr"}, os.WriteFile(file, text.Bytes(), 0o600)
}
