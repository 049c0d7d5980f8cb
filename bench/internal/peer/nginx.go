package peer

import (
	"bytes"
	"os"
	"text/template"
)

// Nginx returns nginx as Debian configures it: a worker per core. What it
// needs besides is what keeps connections open and bodies off the disk.
func Nginx() Proxy {
	return Proxy{
		Name:        "nginx",
		Program:     "nginx",
		Install:     "apt-get install nginx",
		versionArgs: []string{"-v"},
		configure: func(dir string, s Site) ([]string, error) {
			text, err := nginxConfig(s, os.Geteuid() == 0)
			if err != nil {
				return nil, err
			}
			file, err := writeConfig(dir, "nginx.conf", text)
			return []string{"-p", dir, "-c", file, "-e", "stderr"}, err
		},
	}
}

// nginxConfig returns the configuration. Workers of a master that is root must
// be root too, or they would not be let into its directory.
func nginxConfig(s Site, root bool) (string, error) {
	var text bytes.Buffer
	err := nginxTemplate.Execute(&text, struct {
		Site
		Root        bool
		Keep        int
		Connections int
	}{
		Site:        s,
		Root:        root,
		Keep:        max(256, s.Idle, len(s.Backends)),
		Connections: s.connections(),
	})
	return text.String(), err
}

var nginxTemplate = template.Must(template.New("nginx").Parse(`
{{- if .Root}}user root;
{{end -}}
daemon off;
worker_processes auto;
error_log stderr error;
pid nginx.pid;
events { worker_connections {{.Connections}}; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_timeout 1h;
	keepalive_requests 1000000000;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	scgi_temp_path scgi;
	uwsgi_temp_path uwsgi;
	client_body_buffer_size 128k;
	proxy_max_temp_file_size 0;
	map $http_upgrade $connection_header {
		default upgrade;
		"" "";
	}
	upstream backends {
		{{- if .LeastConn}}
		least_conn;
		{{- end}}
		{{- range .Backends}}
		server {{.}};
		{{- end}}
		keepalive {{.Keep}};
		keepalive_requests 1000000000;
		keepalive_timeout 1h;
	}
	server {
		listen 127.0.0.1:{{.Port}}{{if .TLS}} ssl http2{{end}} backlog=4096;
		{{- if .TLS}}
		ssl_certificate {{.Cert}};
		ssl_certificate_key {{.Key}};
		{{- end}}
		location / {
			proxy_pass http{{if .BackendTLS}}s{{end}}://backends;
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_header;
		}
	}
}
`))
