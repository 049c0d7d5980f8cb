package health

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// dialer connects to one endpoint for an HTTP client.
type dialer struct {
	endpoint
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	tls  *tls.Config
}

// probeKey is the context key under which a probe's context has itself.
type probeKey struct{}

// withProbe returns ctx so that a dialer finds it: the HTTP client dials with
// a context that has the values of the request's, but does not end with it.
func withProbe(ctx context.Context) context.Context {
	return context.WithValue(ctx, probeKey{}, ctx)
}

// plain connects without TLS, whatever address it is asked for. It runs on the
// HTTP client's goroutine, so a panic of a guest's dialer must end here.
func (d *dialer) plain(ctx context.Context, _, _ string) (conn net.Conn, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanicked, p)
		}
	}()
	if own, ok := ctx.Value(probeKey{}).(context.Context); ok {
		ctx = own
	}
	return d.dial(ctx, d.network, d.address)
}

// encrypted connects with TLS.
func (d *dialer) encrypted(ctx context.Context, _, _ string) (net.Conn, error) {
	if own, ok := ctx.Value(probeKey{}).(context.Context); ok {
		ctx = own
	}
	conn, err := d.plain(ctx, "", "")
	if err != nil {
		return nil, err
	}
	client := tls.Client(conn, d.tls)
	if err := client.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error says it all
		return nil, &handshakeError{err}
	}
	return client, nil
}

// handshakeError is a connection that was made, but not encrypted.
type handshakeError struct{ error }

// Unwrap returns the cause.
func (e *handshakeError) Unwrap() error { return e.error }
