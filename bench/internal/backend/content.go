// Package backend has the servers behind the proxies: nginx where it is
// installed, which leaves most of the machine to the proxy, and a server of
// its own for what nginx cannot do.
package backend

import (
	"bytes"
	"fmt"
	"time"
)

// Paths that the backends serve.
const (
	Small = "/small" // Greeting
	KiB16 = "/16k"
	MiB1  = "/1m"
	Sink  = "/sink"  // reads the request's body, answers with nothing
	Delay = "/delay" // Greeting, but Delayed later
	Echo  = "/echo"  // a WebSocket that returns its messages
)

// Greeting is the body of a small response.
const Greeting = "hello, world!"

// Delayed is how long a backend takes for Delay, and Slow how long a slow one
// takes for anything.
const (
	Delayed = 2 * time.Second
	Slow    = 50 * time.Millisecond
)

// files are the larger bodies, by path.
var files = map[string][]byte{
	KiB16: content(16 << 10),
	MiB1:  content(1 << 20),
}

// Size returns how long the body at path is.
func Size(path string) int64 {
	switch path {
	case Sink:
		return 0
	case KiB16, MiB1:
		return int64(len(files[path]))
	}
	return int64(len(Greeting))
}

// Body is what there is at path, for one that answers by itself.
func Body(path string) string {
	if body, ok := files[path]; ok {
		return string(body)
	}
	return Greeting
}

// content returns size bytes of numbered lines.
func content(size int) []byte {
	var buf bytes.Buffer
	for i := 0; buf.Len() < size; i++ {
		fmt.Fprintf(&buf, "line %d of a response\n", i)
	}
	return buf.Bytes()[:size]
}
