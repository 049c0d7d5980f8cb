package proxy

import (
	"bytes"
	"fmt"
	"math"
	"net/textproto"
	"strconv"

	"golang.org/x/net/http/httpguts"
)

// maxHeadFields is how many field lines the head of a message may have.
const maxHeadFields = 1000

// malformedError says what is wrong with the bytes that a backend has sent.
type malformedError struct{ reason string }

// Error implements error.
func (e *malformedError) Error() string { return "malformed response: " + e.reason }

func malformed(format string, args ...any) error {
	return &malformedError{fmt.Sprintf(format, args...)}
}

// framing says where the message that a response head introduces ends.
type framing struct {
	status  int
	minor   byte // of the version, '0' or '1'
	chunked bool
	closes  bool  // Connection says close
	length  int64 // of the body; -1 if unknown
	fields  int   // number of field lines

	// values of Connection that say more than whether it is kept open
	connection []string
}

// parseHead checks the head of an HTTP/1 response, with the empty line at its
// end, and returns how its body is framed, as far as that does not depend on
// the request. It accepts what RFC 9112 allows a server to send and nothing
// else: where recipients are free to be lenient, two of them can come to
// different conclusions about where a message ends.
func parseHead(head []byte) (framing, error) {
	f := framing{length: -1}
	line, rest, err := cutLine(head)
	if err != nil {
		return f, err
	}
	if err := f.statusLine(line); err != nil {
		return f, err
	}
	for {
		if line, rest, err = cutLine(rest); err != nil {
			return f, err
		}
		if len(line) == 0 {
			break
		}
		if f.fields++; f.fields > maxHeadFields {
			return f, malformed("more than %d header fields", maxHeadFields)
		}
		name, value, err := parseField(line)
		if err != nil {
			return f, err
		}
		if err := f.framingField(name, value); err != nil {
			return f, err
		}
	}
	if len(rest) > 0 {
		return f, malformed("bytes behind the head")
	}
	err = f.consistent()
	return f, err
}

// statusLine parses `HTTP/1.1 200 OK`. The reason may be empty, and so may the
// space before it, which many servers omit then.
func (f *framing) statusLine(line []byte) error {
	const version = "HTTP/1."
	if len(line) < len("HTTP/1.1 200") || string(line[:len(version)]) != version ||
		(line[7] != '0' && line[7] != '1') || line[8] != ' ' {
		return malformed("bad status line %.64q", line)
	}
	code := line[9:12]
	for _, c := range code {
		if c < '0' || c > '9' {
			return malformed("bad status code %q", code)
		}
	}
	f.status = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	if f.status < 100 || f.status > 599 {
		return malformed("status code %d is out of range", f.status)
	}
	reason := line[12:]
	if len(reason) > 0 && reason[0] != ' ' || !validValue(reason) {
		return malformed("bad status line %.64q", line)
	}
	f.minor = line[7]
	return nil
}

// framingField takes note of the fields that say where the body ends.
func (f *framing) framingField(name, value []byte) error {
	switch {
	case equalFold(name, "content-length"):
		if f.length >= 0 {
			return malformed("several Content-Length fields")
		}
		n, err := parseLength(value)
		if err != nil {
			return err
		}
		f.length = n
	case equalFold(name, "transfer-encoding"):
		if f.chunked {
			return malformed("several Transfer-Encoding fields")
		}
		if f.minor == '0' {
			return malformed("Transfer-Encoding in HTTP/1.0")
		}
		if !equalFold(value, "chunked") {
			return malformed("unsupported Transfer-Encoding %.64q", value)
		}
		f.chunked = true
	case equalFold(name, "connection"):
		switch {
		case equalFold(value, "close"):
			f.closes = true
		case !equalFold(value, "keep-alive"):
			list := string(value)
			f.connection = append(f.connection, list)
			f.closes = f.closes || httpguts.HeaderValuesContainsToken([]string{list}, "close")
		}
	}
	return nil
}

// consistent checks the fields against each other and the status. A length of
// zero is let pass where there is no body anyway: it is wrong but common, and
// can mislead nobody.
func (f *framing) consistent() error {
	if f.chunked && f.length >= 0 {
		return malformed("both Transfer-Encoding and Content-Length")
	}
	if f.status < 200 || f.status == 204 {
		if f.chunked {
			return malformed("Transfer-Encoding on status %d", f.status)
		}
		if f.length > 0 {
			return malformed("Content-Length %d on status %d", f.length, f.status)
		}
	}
	return nil
}

// cutLine cuts the first line off b, which must end in CRLF. Neither of the two
// bytes may stand alone.
func cutLine(b []byte) (line, rest []byte, err error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, nil, malformed("incomplete line")
	}
	if i == 0 || b[i-1] != '\r' {
		return nil, nil, malformed("line ends in a bare LF")
	}
	return b[:i-1], b[i+1:], nil
}

// parseField splits `name: value`, without the white space around the value.
func parseField(line []byte) (name, value []byte, err error) {
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, malformed("folded header line")
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return nil, nil, malformed("bad header line %.64q", line)
	}
	name, value = line[:colon], line[colon+1:]
	for _, c := range name {
		if !tokenByte[c] {
			return nil, nil, malformed("bad header name %.64q", name)
		}
	}
	if !validValue(value) {
		return nil, nil, malformed("bad value of header %.64q", name)
	}
	return name, textproto.TrimBytes(value), nil
}

// validValue reports whether b has only bytes that field values and reasons
// may have: visible ones, space, tab, and any above ASCII.
func validValue(b []byte) bool {
	for _, c := range b {
		if !valueByte[c] {
			return false
		}
	}
	return true
}

// tokenByte and valueByte are the bytes that names and values may have.
var tokenByte, valueByte = func() (token, value [256]bool) {
	for c := range 256 {
		token[c] = httpguts.IsTokenRune(rune(c))
		value[c] = c >= ' ' && c != 0x7f || c == '\t'
	}
	return token, value
}()

func parseLength(value []byte) (int64, error) {
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, malformed("bad Content-Length %.64q", value)
		}
	}
	n, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil || n > math.MaxInt64 {
		return 0, malformed("bad Content-Length %.64q", value)
	}
	return int64(n), nil
}

// equalFold reports whether b is s, which is in lower case, ignoring case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}
