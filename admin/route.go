package admin

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// handler answers a call.
type handler func(*call) (*answer, error)

// route is a resource: its path below the root, and its methods. HEAD goes
// where GET does, and OPTIONS is answered for all of them.
type route struct {
	path    string // with {pool} and {id} for what varies
	methods map[string]handler
}

var routes = []route{
	{"status", map[string]handler{http.MethodGet: showStatus}},
	{"events", map[string]handler{http.MethodGet: streamEvents}},
	{"pools", map[string]handler{http.MethodGet: showPools}},
	{"pools/{pool}", map[string]handler{http.MethodGet: showPool}},
	{"pools/{pool}/explain", map[string]handler{http.MethodGet: explain}},
	{"pools/{pool}/backends", map[string]handler{
		http.MethodGet:  showBackends,
		http.MethodPost: addBackend,
		http.MethodPut:  replaceBackends,
	}},
	{"pools/{pool}/backends/{id}", map[string]handler{
		http.MethodGet:    showBackend,
		http.MethodPatch:  patchBackend,
		http.MethodDelete: removeBackend,
	}},
	{"pools/{pool}/backends/{id}/drain", map[string]handler{http.MethodPost: drainBackend}},
	{"backends", map[string]handler{
		http.MethodGet:    showBackends,
		http.MethodPost:   addBackend,
		http.MethodDelete: removeNamed,
	}},
}

// find returns the route of a path, and the pool and the id in it.
func find(segments []string) (r *route, poolName, id string, f *failure) {
	path := strings.Join(segments, "/")
	for i := range routes {
		want := strings.Split(routes[i].path, "/")
		if !match(want, segments, func(a, b string) bool { return a == b }) {
			if match(want, segments, strings.EqualFold) {
				return nil, "", "", refuse(http.StatusBadRequest, codeNotCanonical, "path %.80q: the fixed parts are in lower case, as in %q", path, routes[i].path)
			}
			continue
		}
		if len(want) > 1 {
			poolName = segments[1]
			if err := config.CheckPoolName(poolName); err != nil {
				return nil, "", "", refuse(http.StatusBadRequest, codeBadPath, "%v", err)
			}
		}
		if len(want) > 3 {
			id = segments[3]
			if err := config.CheckID(id); err != nil {
				if canonical, other := canonicalID(id); other {
					return nil, "", "", refuse(http.StatusBadRequest, codeNotCanonical, "%v; the id of a backend with this address is %q unless it was given another", err, canonical)
				}
				return nil, "", "", refuse(http.StatusBadRequest, codeBadPath, "%v", err)
			}
		}
		return &routes[i], poolName, id, nil
	}
	return nil, "", "", refuse(http.StatusNotFound, codeUnknownPath, "there is nothing at %.80q; start at %s/status", root+"/"+path, root)
}

func match(want, segments []string, same func(a, b string) bool) bool {
	return slices.EqualFunc(want, segments, func(w, s string) bool { return w[0] == '{' || same(w, s) })
}

// canonicalID returns the id that a backend with the address s gets, if s is an
// address with a port, and whether that is another one than s.
func canonicalID(s string) (canonical string, other bool) {
	if !strings.Contains(s, ":") && !strings.HasPrefix(s, "[") {
		return "", false // any name is an address, with the default port
	}
	addr, err := config.ParseAddress(s)
	if err != nil || addr.HasPlaceholder() {
		return "", false
	}
	canonical = addr.DefaultID()
	return canonical, canonical != s
}

// handler returns the handler of a method, or nil.
func (r *route) handler(method string) handler {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return r.methods[method]
}

// allow returns the value of the Allow header.
func (r *route) allow() string {
	methods := slices.Collect(maps.Keys(r.methods))
	methods = append(methods, http.MethodHead, http.MethodOptions)
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}
