package proxy

import (
	"context"
	"net"
	"syscall"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// clientConnKey is the context key of a client's connection, a net.Conn.
type clientConnKey struct{}

// withClientConn lets requests over c know their connection.
func withClientConn(ctx context.Context, c net.Conn) context.Context {
	if ctx.Value(clientConnKey{}) != nil {
		return ctx // several handlers have asked for it
	}
	return context.WithValue(ctx, clientConnKey{}, c)
}

// followClients lets requests know their connections, if they may have to wait
// and clients that leave can be seen there.
func followClients(ctx caddy.Context, cfg *config.Handler) {
	lb := cfg.LoadBalancing
	if !canSeeHangups || !cfg.RefersOnly() && (lb == nil || lb.Queue == nil && lb.Retries == 0 && lb.TryDuration == 0) {
		return
	}
	if srv, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		srv.RegisterConnContext(withClientConn)
	}
}

// clientSocket returns what is below the client's connection, nil if that is
// not known.
func clientSocket(ctx context.Context) syscall.RawConn {
	c := ctx.Value(clientConnKey{})
	for c != nil {
		switch conn := c.(type) {
		case syscall.Conn:
			raw, err := conn.SyscallConn()
			if err != nil {
				return nil
			}
			return raw
		case interface{ NetConn() net.Conn }: // TLS
			c = conn.NetConn()
		default:
			c = wrapped(c)
		}
	}
	return nil
}
