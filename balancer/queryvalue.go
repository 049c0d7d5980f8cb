package balancer

import (
	"strings"

	"github.com/cespare/xxhash/v2"
)

// hashQuery returns the hash of a parameter's values in a raw query, joined by
// commas, and whether that is not empty. It reads queries as url.ParseQuery
// does, and passes over parts which that one refuses, but allocates nothing.
func hashQuery(query, key string) (hash uint64, ok bool) {
	var digest xxhash.Digest
	digest.Reset()
	count, size := 0, 0
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(part, "=")
		if !validEscapes(part) || !unescapesTo(name, key) || part == "" {
			continue
		}
		if count > 0 {
			_, _ = digest.WriteString(",") // never fails
			size++
		}
		count++
		size += hashUnescaped(&digest, value)
	}
	return digest.Sum64(), size > 0
}

// validEscapes reports whether a part of a query has no semicolon and each
// percent sign begins an escape.
func validEscapes(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ';':
			return false
		case '%':
			if i+2 >= len(s) || unhex(s[i+1]) > 15 || unhex(s[i+2]) > 15 {
				return false
			}
			i += 2
		}
	}
	return true
}

// unescapesTo reports whether s is an escaped form of want.
func unescapesTo(s, want string) bool {
	for s != "" {
		var c byte
		if c, s = nextByte(s); want == "" || c != want[0] {
			return false
		}
		want = want[1:]
	}
	return want == ""
}

// hashUnescaped hashes what s is without escapes, and returns its length.
func hashUnescaped(digest *xxhash.Digest, s string) (size int) {
	var buf [64]byte
	for s != "" {
		n := 0
		for s != "" && n < len(buf) {
			buf[n], s = nextByte(s)
			n++
		}
		_, _ = digest.Write(buf[:n]) // never fails
		size += n
	}
	return size
}

// nextByte returns the first byte of a query string without escapes, and the
// rest.
func nextByte(s string) (c byte, rest string) {
	switch s[0] {
	case '%':
		return unhex(s[1])<<4 | unhex(s[2]), s[3:]
	case '+':
		return ' ', s[1:]
	}
	return s[0], s[1:]
}

// unhex returns the value of a hexadecimal digit, or more than 15.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
