package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxHead is more than any test sends on purpose, in bytes.
const maxHead = 4 << 20

// message is an HTTP/1 message as it came over the wire. It is read more
// strictly than HTTP allows: a proxy has no reason to send anything unusual.
type message struct {
	start    string   // the request line or status line
	fields   []string // the header lines, in order, as `Name: value`
	body     string
	trailers []string
	chunked  bool
	complete bool // the framing says that all of the body has come
}

// readHead reads the start line and header of a message.
func readHead(r *bufio.Reader) (*message, error) {
	m := new(message)
	size := 0
	for first := true; ; first = false {
		line, err := readLine(r)
		if err != nil {
			return m, err
		}
		if size += len(line); size > maxHead {
			return m, errors.New("endless head")
		}
		switch {
		case first:
			m.start = line
		case line == "":
			return m, nil
		default:
			if err := checkField(line); err != nil {
				return m, err
			}
			m.fields = append(m.fields, line)
		}
	}
}

// readLine reads a line that ends with CRLF and has none of its bytes inside.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		if line != "" {
			return line, fmt.Errorf("line %q is cut: %w", line, io.ErrUnexpectedEOF)
		}
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsAny(text, "\r\x00") {
		return line, fmt.Errorf("line %q has a bare CR, a bare LF or a NUL", line)
	}
	return text, nil
}

// checkField refuses a header line that is not `name: value` with a token as
// the name and one space.
func checkField(line string) error {
	name, _, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsFunc(name, notToken) {
		return fmt.Errorf("header line %q is malformed", line)
	}
	return nil
}

// notToken reports whether the rune may not be in a token (RFC 9110 §5.6.2).
func notToken(r rune) bool {
	switch {
	case '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// values returns the values of a header field, in order.
func (m *message) values(name string) []string { return valuesOf(m.fields, name) }

func valuesOf(fields []string, name string) []string {
	var values []string
	for _, line := range fields {
		if n, v, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

// readBody reads the body that the header announces. If it announces none, the
// body ends with the connection if untilClose says so, or is empty.
func (m *message) readBody(r *bufio.Reader, untilClose bool) error {
	te, cl := m.values("Transfer-Encoding"), m.values("Content-Length")
	switch {
	case len(te) > 0 && len(cl) > 0:
		return fmt.Errorf("both Transfer-Encoding %q and Content-Length %q", te, cl)
	case len(te) > 0:
		if len(te) != 1 || te[0] != "chunked" {
			return fmt.Errorf("Transfer-Encoding %q", te)
		}
		m.chunked = true
		return m.readChunks(r)
	case len(cl) > 0:
		n, err := strconv.ParseUint(cl[0], 10, 31)
		if len(cl) != 1 || err != nil {
			return fmt.Errorf("Content-Length %q", cl)
		}
		body := make([]byte, n)
		got, err := io.ReadFull(r, body)
		m.body = string(body[:got])
		m.complete = err == nil
		return err
	case untilClose:
		body, err := io.ReadAll(r)
		m.body = string(body)
		m.complete = err == nil
		return err
	}
	m.complete = true
	return nil
}

// readChunks reads a body in the chunked coding (RFC 9112 §7.1).
func (m *message) readChunks(r *bufio.Reader) error {
	var body strings.Builder
	defer func() { m.body = body.String() }()
	for {
		line, err := readLine(r)
		if err != nil {
			return fmt.Errorf("chunk size: %w", noEOF(err))
		}
		size, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return fmt.Errorf("chunk size %q", line)
		}
		if size == 0 {
			break
		}
		if _, err := io.CopyN(&body, r, int64(size)); err != nil {
			return fmt.Errorf("chunk: %w", noEOF(err))
		}
		if line, err := readLine(r); err != nil {
			return fmt.Errorf("end of a chunk: %w", noEOF(err))
		} else if line != "" {
			return fmt.Errorf("chunk of %d bytes ends with %q", size, line)
		}
	}
	for {
		line, err := readLine(r)
		if err != nil {
			return fmt.Errorf("trailer: %w", noEOF(err))
		}
		if line == "" {
			m.complete = true
			return nil
		}
		if err := checkField(line); err != nil {
			return err
		}
		m.trailers = append(m.trailers, line)
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// canonical returns header lines in an order and spelling that can be
// compared: names in lower case and sorted, values of one name in their order.
func canonical(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		out[i] = strings.ToLower(name) + ": " + strings.Trim(value, " \t")
	}
	slices.SortStableFunc(out, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, ":")
		nameB, _, _ := strings.Cut(b, ":")
		return strings.Compare(nameA, nameB)
	})
	out = join(out, "via", func([]string) {})
	return join(out, "trailer", slices.Sort)
}

// join makes one line of all lines of a list field, which mean the same, with
// its elements as order arranges them.
func join(lines []string, name string, order func([]string)) []string {
	values := valuesOf(lines, name)
	if len(values) == 0 {
		return lines
	}
	var elements []string
	for element := range strings.SplitSeq(strings.Join(values, ","), ",") {
		elements = append(elements, strings.TrimSpace(element))
	}
	order(elements)
	i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+":") })
	return slices.Replace(lines, i, i+len(values), name+": "+strings.Join(elements, ", "))
}
