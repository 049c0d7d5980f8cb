package proxy

import (
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// proxyMethods are the values of Allow where it is this proxy that answers.
const proxyMethods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

// maxForwards returns how often a request may still be forwarded, if it limits
// that. Only TRACE and OPTIONS do (RFC 9110, section 7.6.2).
func maxForwards(r *http.Request) (left uint64, limited bool) {
	values := r.Header["Max-Forwards"]
	if len(values) != 1 || r.Method != http.MethodTrace && r.Method != http.MethodOptions {
		return 0, false
	}
	left, err := strconv.ParseUint(values[0], 10, 64)
	return left, err == nil
}

// answerHere answers a request that may not be forwarded. Requests are not
// traced back to clients from here: they may have credentials.
func (x *exchange) answerHere() error {
	x.answered = true
	x.closeUnlessComplete()
	x.w.Header().Set("Allow", proxyMethods)
	if x.r.Method == http.MethodTrace {
		return caddyhttp.Error(http.StatusMethodNotAllowed, errTrace)
	}
	x.w.Header().Set("Content-Length", "0")
	x.w.WriteHeader(http.StatusOK)
	return nil
}
