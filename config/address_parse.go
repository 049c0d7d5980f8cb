package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

func parse(s string) (Address, error) {
	if s == "" {
		return Address{}, errors.New("empty")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return Address{}, errors.New("has a space or control character")
	}
	if !utf8.ValidString(s) {
		return Address{}, errors.New("is not UTF-8")
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return parseURL(strings.ToLower(scheme), rest)
	}
	if network, rest, ok := strings.Cut(s, "/"); ok {
		return parseNetwork(network, rest)
	}
	return parseHostPort(s, "80")
}

func parseURL(scheme, rest string) (Address, error) {
	var port string
	switch scheme {
	case "http", "h2c":
		port = "80"
	case "https":
		port = "443"
	case "ws":
		return Address{}, errors.New("the scheme ws:// is for browsers; use http://")
	case "wss":
		return Address{}, errors.New("the scheme wss:// is for browsers; use https://")
	default:
		return Address{}, fmt.Errorf("unsupported scheme %s://", scheme)
	}
	if hasPlaceholder(rest) {
		return Address{}, errors.New("placeholders are not allowed together with a scheme")
	}
	rest = strings.TrimSuffix(rest, "/")
	if strings.ContainsAny(rest, "/?#@\\") {
		return Address{}, errors.New("only scheme, host and port are allowed in a URL")
	}
	// a port range is not part of a URL's grammar: judge the host alone
	host := rest
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		host = rest[:i]
	}
	if _, err := url.Parse(scheme + "://" + host); err != nil {
		return Address{}, fmt.Errorf("bad host %q", host)
	}
	a, err := parseHostPort(rest, port)
	if err != nil {
		return Address{}, err
	}
	if scheme != "http" {
		a.Scheme = scheme
	}
	return a, nil
}

func parseNetwork(prefix, rest string) (Address, error) {
	switch network := strings.ToLower(prefix); network {
	case "unix", "unix+h2c":
		if rest == "" {
			return Address{}, errors.New("missing path of the unix socket")
		}
		if strings.Contains(rest, "|") {
			return Address{}, errors.New("socket permissions do not belong in a backend's address")
		}
		a := Address{Network: "unix", Host: rest}
		if network == "unix+h2c" {
			a.Scheme = "h2c"
		}
		return a, nil
	case "tcp", "tcp4", "tcp6":
		a, err := parseHostPort(rest, "80")
		if err != nil {
			return Address{}, err
		}
		ip, isIP := a.IP()
		switch {
		case isIP && (network == "tcp4" && !ip.Is4() || network == "tcp6" && ip.Is4()):
			return Address{}, fmt.Errorf("%s is not an address of the network %s", ip, network)
		case !isIP && network != "tcp":
			a.Network = network // with an IP address it says nothing
		}
		return a, nil
	}
	if rest == "" {
		// "host/" or "host:port/": a trailing slash means nothing
		return parseHostPort(prefix, "80")
	}
	return Address{}, fmt.Errorf("unsupported network %q", prefix)
}

// checkPort refuses a port that is another scheme's. text is what was parsed,
// as the scheme http:// is not part of an address.
func (a Address) checkPort(text string) error {
	scheme, _, ok := strings.Cut(text, "://")
	switch scheme = strings.ToLower(scheme); {
	case !ok:
	case scheme == "https" && a.Port == "80", scheme != "https" && a.Port == "443":
		return fmt.Errorf("conflicting scheme %s:// and port %s", scheme, a.Port)
	}
	return nil
}

func parseHostPort(s, defaultPort string) (Address, error) {
	if s == "" {
		return Address{}, errors.New("missing host")
	}
	host, port, err := splitHostPort(s)
	if err != nil {
		return Address{}, err
	}
	if hasPlaceholder(s) {
		err = checkBraces(s)
	}
	if err == nil && !hasPlaceholder(host) {
		host, err = normalizeHost(host)
		if port == "" {
			port = defaultPort
		}
	}
	// a port range has its own check
	if err == nil && port != "" && !hasPlaceholder(port) && !strings.Contains(port, "-") {
		port, err = normalizePort(port)
	}
	if err != nil {
		return Address{}, err
	}
	return Address{Host: host, Port: port}, nil
}

// splitHostPort splits host and port outside of placeholders. The port is
// empty if there is none; a colon with nothing behind it is an error.
func splitHostPort(s string) (host, port string, err error) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", errors.New("missing ']'")
		}
		host, port = s[1:end], s[end+1:]
		if !isIPv6(host) {
			return "", "", fmt.Errorf("bad IPv6 address %q", host)
		}
		if port == "" {
			return host, "", nil
		}
		if port[0] != ':' || len(port) == 1 {
			return "", "", errors.New("missing port behind ']'")
		}
		return host, port[1:], nil
	}
	if isIPv6(s) {
		return s, "", nil
	}
	colon, depth := -1, 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ':':
			if depth > 0 {
				continue
			}
			if colon >= 0 {
				return "", "", errors.New("too many colons; an IPv6 address needs brackets")
			}
			colon = i
		}
	}
	if colon < 0 {
		return s, "", nil
	}
	if colon == len(s)-1 {
		return "", "", errors.New("missing port")
	}
	return s[:colon], s[colon+1:], nil
}

// isIPv6 reports whether s is an IPv6 address. Zones may have only what names
// of network interfaces commonly have, so that it is clear where they end.
func isIPv6(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is6() && !strings.ContainsFunc(ip.Zone(), func(r rune) bool {
		return r >= utf8.RuneSelf || !idByte(byte(r)) || r == ':'
	})
}

func normalizeHost(host string) (string, error) {
	if host == "" {
		return "localhost", nil // `:8080` is this machine
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String(), nil
	}
	ascii := strings.ToLower(host)
	if strings.ContainsFunc(host, notASCII) {
		// only in this form do resolvers take it
		var err error
		if ascii, err = idna.Lookup.ToASCII(host); err != nil {
			return "", fmt.Errorf("bad host name %q", host)
		}
	}
	// a trailing dot stays: it keeps resolvers from trying search domains
	name := strings.TrimSuffix(ascii, ".")
	if len(name) > 253 {
		return "", fmt.Errorf("bad host name %q", host)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !validLabel(label) {
			return "", fmt.Errorf("bad host name %q", host)
		}
	}
	if isNumber(name[strings.LastIndexByte(name, '.')+1:]) {
		return "", fmt.Errorf("bad IPv4 address %q", host) // resolvers may read it as one
	}
	return ascii, nil
}

func notASCII(r rune) bool { return r >= utf8.RuneSelf }

// isNumber reports whether the last label of a name makes resolvers read the
// name as an IPv4 address: a decimal number, or a hexadecimal one after 0x.
func isNumber(label string) bool {
	digits, hex := strings.CutPrefix(label, "0x")
	return !strings.ContainsFunc(digits, func(r rune) bool {
		return (r < '0' || r > '9') && (!hex || r < 'a' || r > 'f')
	})
}

// validLabel allows what resolvers accept in practice, underscores included.
func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func normalizePort(port string) (string, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("bad port %q", port)
	}
	return strconv.FormatUint(n, 10), nil
}

func parsePorts(s string) (first, last int, err error) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	if from, err = normalizePort(from); err != nil {
		return 0, 0, err
	}
	if to, err = normalizePort(to); err != nil {
		return 0, 0, err
	}
	first, _ = strconv.Atoi(from)
	last, _ = strconv.Atoi(to)
	if last < first {
		return 0, 0, fmt.Errorf("bad port range %q", s)
	}
	if last-first >= maxPortRange {
		return 0, 0, fmt.Errorf("port range %q has more than %d ports", s, maxPortRange)
	}
	return first, last, nil
}

// checkBraces makes sure that all braces are those of placeholders.
func checkBraces(s string) error {
	open := false
	for i := range len(s) {
		switch s[i] {
		case '{':
			if open {
				return errors.New("nested braces")
			}
			open = true
		case '}':
			if !open {
				return errors.New("unbalanced braces")
			}
			if s[i-1] == '{' {
				return errors.New("empty placeholder")
			}
			open = false
		}
	}
	if open {
		return errors.New("unbalanced braces")
	}
	return nil
}

func hasPlaceholder(s string) bool {
	return strings.Contains(s, "{") && strings.Contains(s, "}")
}
