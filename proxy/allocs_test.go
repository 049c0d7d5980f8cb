package proxy

import (
	"net/http"
	"strings"
	"testing"
)

func TestHotFunctionsDoNotAllocate(t *testing.T) {
	head := []byte("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/plain\r\nContent-Length: 12345\r\n\r\n")
	chunks := []byte("5\r\nhello\r\n5\r\nworld\r\n0\r\nX: y\r\n\r\n")
	var scanner chunkScanner
	scanner.line = make([]byte, 0, 64)
	var frames frameScanner
	frame := []byte("\x81\x85\x01\x02\x03\x04hello")
	header := http.Header{"Accept": {"*/*"}, "Connection": {"keep-alive"}}
	for name, f := range map[string]func(){
		"parseHead":    func() { _, _ = parseHead(head) },
		"chunkScanner": func() { scanner.reset(); _, _, _ = scanner.scan(chunks) },
		"frameScanner": func() { frames.scan(frame) },
		"stripHop":     func() { stripHop(header) },
		"validHost":    func() { validHost("www.example.com:8443") },
		"via":          func() { via("HTTP/1.1", 1, 1) },
	} {
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkParseHead(b *testing.B) {
	head := []byte("HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Some-Header: some value\r\n", 10) + "Content-Length: 5\r\n\r\n")
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseHead(head); err != nil {
			b.Fatal(err)
		}
	}
}
