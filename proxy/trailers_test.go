package proxy

import (
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestTrailersOfOneHop(t *testing.T) {
	got := make(chan [2]string, 1)
	h := start(t, to(rawBackend(t, func(p *peer) {
		head := p.head()
		got <- [2]string{head, chunkedBody(p)}
		p.send("HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nTransfer-Encoding: chunked\r\nTrailer: X-T, X-Hop, Y Z\r\n\r\n" +
			"0\r\nX-T: 1\r\nX-Hop: 2\r\n\r\n")
	})))
	res, _ := h.exchange("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\n" +
		"Trailer: X-T, X-Hop, Y Z, \"\r\n\r\n0\r\nX-T: 1\r\nX-Hop: 2\r\n\r\n")
	wantStatus(t, res, 200)
	g := receive(t, got, "request")
	wantEqual(t, "announced", strings.Join(fields(g[0], "Trailer"), ","), "X-T")
	wantEqual(t, "request", g[1], "0\r\nX-T: 1\r\n")
	wantEqual(t, "trailers of the response", len(res.Trailer), 1)
	wantEqual(t, "X-T", res.Trailer.Get("X-T"), "1")
}

// Trailers that were announced and do not come leave the response complete.
func TestTrailersThatDoNotCome(t *testing.T) {
	for _, trailers := range []string{"", "X-T: 1\r\n"} {
		h := provision(t, to(rawBackend(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T, X-U\r\n\r\n"+
			"2\r\nhi\r\n0\r\n"+trailers+"\r\n"))))
		h.serve(serverTLS(t))
		client := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
		defer client.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+h.addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != "hi" {
			t.Errorf("body %q, %v", body, err)
		}
		want := []string(nil)
		if trailers != "" {
			want = []string{"1"}
		}
		if !slices.Equal(res.Trailer["X-T"], want) || res.Trailer["X-U"] != nil {
			t.Errorf("trailers %q", res.Trailer)
		}
	}
}
