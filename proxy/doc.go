// Package proxy forwards one request: it acquires a backend of a pool, sends
// the request there and the response back, and tries another backend when that
// is safe. It changes nothing of a pool but through acquire, observe, release.
//
// Connections to backends belong to a [Transport]; those for HTTP/1.1 run
// through a guard that refuses what a backend may not send, and that knows
// where each response ends.
package proxy
