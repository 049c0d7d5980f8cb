package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/backend"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/load"
)

// work is something that all proxies are made to do.
type work struct {
	name, title string

	// what clients do
	drive       load.Driver // nil: they are idle
	path        string
	method      string // GET if empty
	bodySize    int    // of requests
	connections int    // if not as many as the options say
	open        bool   // at a fixed rate
	tls         bool

	// what is behind the proxies
	server     backend.Server
	backends   int  // if not 3
	slow       bool // one of them
	backendTLS bool

	warmup    time.Duration // if more than the options say
	frontOnly bool          // one that answers by itself can do it too
	plain     bool          // one that passes on nothing but plain GETs can do it too
}

// works are all there are, in the order in which they are done.
var works = []work{
	{name: "small", title: "small GET", drive: load.Wrk, path: backend.Small, frontOnly: true, plain: true},
	{name: "16k", title: "16 KiB", drive: load.Wrk, path: backend.KiB16, frontOnly: true, plain: true},
	{name: "1m", title: "1 MiB", drive: load.Wrk, path: backend.MiB1, plain: true},
	{
		name: "post", title: "64 KiB POST", drive: load.Wrk, path: backend.Sink,
		method: http.MethodPost, bodySize: 64 << 10, server: backend.Full,
	},
	{
		name: "tls", title: "TLS front, HTTP/1.1", drive: load.Wrk, path: backend.Small,
		tls: true, frontOnly: true,
	},
	{
		name: "h2", title: "TLS front, HTTP/2", drive: load.HTTP2, path: backend.Small,
		tls: true, frontOnly: true,
	},
	{
		name: "tlsbackend", title: "TLS backend", drive: load.Wrk, path: backend.Small,
		server: backend.FastTLS, backendTLS: true,
	},
	{name: "websocket", title: "WebSocket echo", drive: load.WebSocket, path: backend.Echo, server: backend.Full},
	{name: "backends100", title: "100 backends", drive: load.Wrk, path: backend.Small, backends: 100},
	{
		// each of them is tried before, and has a connection then
		name: "backends10k", title: "10,000 backends", drive: load.Wrk, path: backend.Small,
		backends: 10_000, warmup: 4 * time.Second,
	},
	{name: "slow", title: "one of three backends slow", drive: load.Wrk, path: backend.Small, slow: true},
	{
		name: "open", title: "small GET, open loop", drive: load.OpenLoop, path: backend.Small,
		open: true, frontOnly: true,
	},
	{
		name: "openslow", title: "one of three backends slow, open loop", drive: load.OpenLoop, path: backend.Small,
		open: true, slow: true, connections: 256,
	},
	{
		name: "idle1k", title: "1,000 idle clients, 1,000 idle backend connections", path: backend.Small,
		connections: 1000, server: backend.Full, frontOnly: true,
	},
	{
		name: "idle10k", title: "10,000 idle clients, 1,000 idle backend connections", path: backend.Small,
		connections: 10_000, server: backend.Full, frontOnly: true,
	},
}

// chosenWorks returns the works of a list of names separated by commas.
func chosenWorks(list string) ([]work, error) {
	if list == "" {
		return works, nil
	}
	var chosen []work
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(works, func(w work) bool { return w.name == name })
		if i < 0 {
			return nil, fmt.Errorf("work %q: there is none of that name", name)
		}
		chosen = append(chosen, works[i])
	}
	return chosen, nil
}

// workNames lists the names of all works.
func workNames() string {
	names := make([]string, len(works))
	for i, w := range works {
		names[i] = w.name
	}
	return strings.Join(names, ", ")
}
