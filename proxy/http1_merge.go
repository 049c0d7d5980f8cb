package proxy

import (
	"net/http"
	"slices"

	"golang.org/x/net/http/httpguts"
)

// mergeFields adds the fields of a response to the client's header, less those
// that concern the backend's connection alone, in one pass.
func (h *http1Exchange) mergeFields(res *http.Response, head string) {
	own := res.Header
	delete(own, "Server") // Via says what is true of a proxy
	space := make([]string, 0, h.frame.fields+1)
	for name, value := range fieldsOf(head) {
		if !h.passes(name, res) {
			if name == "Trailer" {
				res.Trailer = addAnnounced(res.Trailer, h.frame.chunked, value)
			}
			continue
		}
		if values, ok := own[name]; ok {
			own[name] = append(slices.Clip(values), value)
			continue
		}
		space = append(space, value)
		own[name] = space[len(space)-1 : len(space) : len(space)]
	}
	if _, ok := own["Content-Type"]; !ok {
		own["Content-Type"] = nil // or the server guesses one
	}
	entry := via(res.Proto, res.ProtoMajor, res.ProtoMinor)
	if values, ok := own["Via"]; ok {
		own["Via"] = append(slices.Clip(values), entry)
		return
	}
	space = append(space, entry)
	own["Via"] = space[len(space)-1 : len(space) : len(space)]
}

// passes reports whether a field of the response is for the client.
func (h *http1Exchange) passes(name string, res *http.Response) bool {
	switch name {
	case "Alt-Svc", "Connection", "Http2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return false
	case "Content-Length":
		return lengthPasses(h.a.r, res)
	}
	return len(h.options) == 0 || unstrippable(name) || !httpguts.HeaderValuesContainsToken(h.options, name)
}
