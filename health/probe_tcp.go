package health

import (
	"context"
	"net"
	"time"
)

// tcpProber passes if a connection can be opened: over TCP, or to a unix
// socket. Nothing is sent, also where traffic is encrypted.
type tcpProber struct {
	endpoint
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (p *tcpProber) probe(ctx context.Context) (string, error) {
	start := time.Now()
	conn, err := p.dial(ctx, p.network, p.address)
	if err != nil {
		return "", err
	}
	took := time.Since(start)
	_ = conn.Close() // it has served its purpose
	if took < time.Millisecond {
		return "connected in under 1ms", nil
	}
	return "connected in " + took.Round(time.Millisecond).String(), nil
}

var _ prober = (*tcpProber)(nil)
