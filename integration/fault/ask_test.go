package fault

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
)

// ask is a request of the load. All that matters of it stands in its path.
type ask struct {
	id      uint64
	method  string
	size    int    // of the response's body
	framing string // of the response
	upload  int    // bytes of the request's body
	chunked bool   // the request's body
}

// How the end of a response's body is told.
const (
	byLength = "length"
	byChunks = "chunks"
	byClose  = "close"
)

var lastID atomic.Uint64

// newAsk returns a request that there was not before. Every kind comes by.
func newAsk() ask {
	a := ask{id: lastID.Add(1), method: "GET", framing: byLength}
	switch a.id % 8 {
	case 1:
		a.size = 1
	case 2, 3:
		a.framing, a.size = byChunks, 3000
	case 4:
		a.method, a.upload, a.size = "POST", 2000, 500
	case 5:
		a.method, a.upload, a.chunked, a.size = "POST", 70_000, true, 20
		a.framing = byChunks
	case 6:
		a.size = 100_000
	case 7:
		a.framing, a.size = byClose, 5000
	default:
		a.size = 300
	}
	return a
}

// newGet returns a small GET request that there was not before.
func newGet() ask { return ask{id: lastID.Add(1), method: "GET", framing: byLength, size: 200} }

func (a ask) path() string { return fmt.Sprintf("/%d/%d/%s", a.id, a.size, a.framing) }

// head returns the request as it is sent, up to its body.
func (a ask) head(host string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nRequest-Id: %d\r\n", a.method, a.path(), host, a.id)
	switch {
	case a.chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case a.upload > 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n", a.upload)
	}
	b.WriteString("\r\n")
	return b.String()
}

// parseAsk returns the request that the path belongs to.
func parseAsk(method string, u *url.URL) (ask, error) {
	parts := strings.Split(u.Path, "/")
	if len(parts) != 4 {
		return ask{}, fmt.Errorf("no such path: %s", u)
	}
	id, err := strconv.ParseUint(parts[1], 10, 64)
	if err != nil {
		return ask{}, err
	}
	size, err := strconv.Atoi(parts[2])
	return ask{id: id, method: method, size: size, framing: parts[3]}, err
}
