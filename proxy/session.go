package proxy

import "net/http"

// settleSession has the client stay with the backend whose response is sent
// next, if the pool keeps clients with their backends. No client comes to stay
// with a backend by an answer that says that it is in trouble.
func (a *attempt) settleSession(status int) {
	if !a.query.Sticky() {
		return
	}
	peer, known := peerOf(a.r)
	trusted := known && a.proxy.trusts(peer)
	a.query.Settle(a.m, a.w.Header(), status < http.StatusInternalServerError, trusted)
}
