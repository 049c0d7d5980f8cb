package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/backend"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/load"
)

// work is something that all proxies are made to do.
type work struct {
	name, title string

	path        string
	method      string // GET if empty
	bodySize    int    // of requests
	connections int    // if not as many as the options say
	drive       load.Driver

	server     backend.Server
	backends   int // if not 3
	tls        bool
	backendTLS bool

	frontOnly bool // one that answers by itself can do it too
}

// works are all there are, in the order in which they are done.
var works = []work{
	{name: "small", title: "small GET", path: backend.Small, drive: load.Wrk, frontOnly: true},
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
