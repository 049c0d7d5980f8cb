package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// checkSwitch returns an error if the backend switches protocols, or not, in a
// way that does not go together with the request.
func (a *attempt) checkSwitch(res *http.Response) error {
	if res.StatusCode != http.StatusSwitchingProtocols {
		if a.connect && res.StatusCode < 300 {
			return fmt.Errorf("backend answered status %d instead of switching to %s", res.StatusCode, a.upgrade)
		}
		return nil
	}
	if a.upgrade == "" {
		return errors.New("backend switches protocols unasked")
	}
	if got := strings.Join(res.Header["Upgrade"], ", "); !strings.EqualFold(got, a.upgrade) {
		return fmt.Errorf("backend switches to protocol %.64q instead of %q", got, a.upgrade)
	}
	if _, ok := res.Body.(io.ReadWriteCloser); !ok {
		return errors.New("backend's connection cannot be switched")
	}
	return nil
}

// tunnel connects client and backend until either ends.
func (a *attempt) tunnel(res *http.Response) *failure {
	backend := res.Body.(io.ReadWriteCloser)
	defer func() { _ = backend.Close() }()
	client, err := a.switchClient(res)
	if err != nil {
		return &failure{err: err, status: http.StatusInternalServerError, verdict: pool.LocalFault, sent: true}
	}
	open := a.m.OpenTunnel()
	defer open.Close()
	defer a.release() // before, so that nobody takes it for a request without a tunnel
	t := &tunnel{
		client: client, backend: backend,
		bufferSize: config.DefaultStreamBufferSize,
		webSocket:  a.upgrade == protocolWebSocket,
	}
	if a.proxy.cfg.StreamBufferSize > 0 {
		t.bufferSize = a.proxy.cfg.StreamBufferSize
	}
	if a.connect {
		defer a.waitForClient()() // to be silent is no fault in a tunnel
	}
	began := time.Now()
	err = t.run(a.ends(open))
	if c := a.proxy.logger.Check(zapcore.DebugLevel, "tunnel closed"); c != nil {
		c.Write(zap.String("backend", a.m.ID()), zap.Duration("duration", time.Since(began)), zap.Error(err))
	}
	return nil
}

// ends says what ends the tunnel from outside.
func (a *attempt) ends(open *pool.Tunnel) *tunnelEnds {
	e := &tunnelEnds{
		tunnel: open, closeDelay: time.Duration(a.proxy.cfg.StreamCloseDelay),
		timeout: time.Duration(a.proxy.cfg.StreamTimeout),
	}
	if a.connect {
		e.clientGone = a.r.Context().Done()
	}
	return e
}

// switchClient tells the client that the protocol is switched, and returns its
// side of the tunnel.
func (a *attempt) switchClient(res *http.Response) (io.ReadWriteCloser, error) {
	upgrade := res.Header["Upgrade"]
	a.stripResponseHop(res.Header)
	delete(res.Header, "Content-Length")
	if ops := a.proxy.cfg.Headers; ops != nil && ops.Response != nil &&
		(ops.Response.Require == nil || ops.Response.Require.Match(res.StatusCode, res.Header)) {
		ops.Response.ApplyTo(res.Header, a.repl)
	}
	h := a.w.Header()
	delete(h, "Server")
	for name, values := range res.Header {
		h[name] = append(h[name], values...)
	}
	a.settleSession(res.StatusCode)
	rc := http.NewResponseController(a.w)
	if a.connect {
		delete(h, "Sec-Websocket-Accept")
		spellWebSocket(h)
		a.w.WriteHeader(http.StatusOK)
		if err := rc.Flush(); err != nil {
			return nil, fmt.Errorf("switching protocols: %w", err)
		}
		return &streamConn{body: a.r.Body, w: a.w, rc: rc}, nil
	}
	h["Connection"] = []string{"Upgrade"}
	h["Upgrade"] = upgrade
	spellWebSocket(h)
	a.w.WriteHeader(http.StatusSwitchingProtocols)
	conn, rw, err := rc.Hijack()
	if err != nil {
		return nil, fmt.Errorf("switching protocols: %w", err)
	}
	if err := rw.Flush(); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("switching protocols: %w", err)
	}
	return &hijackedConn{ReadWriteCloser: conn, ahead: rw.Reader}, nil
}
