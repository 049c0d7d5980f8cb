package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"
)

var (
	errConnect     = errors.New("method CONNECT without a protocol")
	errTrace       = errors.New("method TRACE with Max-Forwards 0")
	errUpgradeBody = errors.New("a request that asks to switch protocols has a body")
)

// checkRequest refuses requests that a server may take and a backend may read
// in another way.
func checkRequest(r *http.Request) error {
	if len(r.Header["Transfer-Encoding"]) > 0 {
		return badRequest("transfer-encoding %.64q is not understood", r.Header["Transfer-Encoding"])
	}
	if strings.Contains(r.RequestURI, "#") {
		return badRequest("request target %.200q has a fragment", r.RequestURI)
	}
	if u := r.URL; u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" || u.User != nil {
		return badRequest("request target %.200q is not for a proxy of HTTP", r.RequestURI)
	}
	if r.Method != http.MethodConnect && r.URL.Host == "" && !strings.HasPrefix(r.RequestURI, "/") &&
		(r.Method != http.MethodOptions || r.RequestURI != "*") {
		return badRequest("request target %.200q has no path", r.RequestURI)
	}
	if length := r.Header["Content-Length"]; !validLengthField(length) {
		return badRequest("content-length %.64q is not one number", length)
	} else if r.ProtoMajor > 1 && r.ContentLength == 0 && len(length) > 0 && strings.Trim(length[0], "0") != "" {
		return badRequest("content-length is %.64q, but there is no content", length) // RFC 9113, section 8.1.1
	}
	if !validHost(r.Host) {
		return badRequest("bad host %.200q", r.Host)
	}
	return nil
}

// validLengthField reports whether there is at most one length, and it is a
// number. Go's HTTP/2 server takes anything, and reads what is none as zero.
func validLengthField(values []string) bool {
	if len(values) == 0 {
		return true
	}
	return len(values) == 1 && values[0] != "" && strings.Trim(values[0], "0123456789") == ""
}

// checkTarget refuses a target that would not be one word of a request line.
// Over HTTP/2 and HTTP/3, and from a rewrite, it may have any bytes.
func checkTarget(target string) error {
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c == 0x7f {
			return badRequest("request target %.200q has a space or control character", target)
		}
	}
	return nil
}

// validMethod reports whether a method is a token. Over HTTP/2, and from a
// rewrite, it may have any bytes.
func validMethod(method string) bool {
	for i := range len(method) {
		if !httpguts.IsTokenRune(rune(method[i])) {
			return false
		}
	}
	return method != ""
}

func badRequest(format string, args ...any) error {
	return caddyhttp.Error(http.StatusBadRequest, fmt.Errorf(format, args...))
}

// validHost reports whether host is a name or IP address with an optional
// port, or empty, as HTTP/1.0 allows.
func validHost(host string) bool {
	var name, port string
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return false
		}
		if ip, err := netip.ParseAddr(host[1:end]); err != nil || !ip.Is6() || ip.Zone() != "" {
			return false
		}
		port = host[end+1:]
		if port != "" && port[0] != ':' {
			return false
		}
		port = strings.TrimPrefix(port, ":")
	} else if name, port, _ = strings.Cut(host, ":"); name == "" && host != "" {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
	}
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	return len(port) <= 5
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
