package backend

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestAddresses(t *testing.T) {
	b := &Backends{ports: map[Server]int{Fast: 4000, Late: 4001}}
	addrs := b.Addresses(Fast, 10_000)
	seen := make(map[string]bool)
	for _, addr := range addrs {
		if seen[addr] || !strings.HasPrefix(addr, "127.1.") || !strings.HasSuffix(addr, ":4000") {
			t.Fatalf("%s: not an address of its own, of port 4000 in 127.1.0.0/16", addr)
		}
		seen[addr] = true
	}
	if got := b.Addresses(Late, 1)[0]; got != "127.1.0.1:4001" {
		t.Errorf("got %s, want 127.1.0.1:4001", got)
	}
}

// TestStart has the processes of a run, of which this test's program is one.
func TestStart(t *testing.T) {
	dir := t.TempDir()
	cert, err := WriteCertificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	backends, err := Start(t.Context(), Options{Certificate: cert, Dir: dir, FileLimit: 1000})
	defer backends.Stop()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust(t, cert.Cert)}}
	for _, path := range []string{Small, KiB16, MiB1} {
		for _, server := range []Server{Fast, FastTLS, Full, Late} {
			url := "http://" + backends.Addresses(server, 1)[0] + path
			if server == FastTLS {
				url = "https://127.0.0.1" + url[strings.LastIndex(url, ":"):]
			}
			start := time.Now()
			resp, err := client.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK || int64(len(body)) != Size(path) || resp.ProtoMajor != 1 {
				t.Errorf("GET %s: %s %s, %d bytes, %v", url, resp.Proto, resp.Status, len(body), err)
			}
			if took := time.Since(start); server == Late && took < Slow {
				t.Errorf("a slow backend took %v", took)
			}
		}
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Command {
		if err := Serve(os.Args[2:]); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func TestHandlerReadsBodies(t *testing.T) {
	server := httptest.NewServer(newHandler())
	defer server.Close()
	resp, err := http.Post(server.URL+Sink, "text/plain", strings.NewReader(strings.Repeat("x", 64<<10)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ContentLength != 0 {
		t.Errorf("got %s with %d bytes, want 200 with none", resp.Status, resp.ContentLength)
	}
}

func TestHandlerEchoes(t *testing.T) {
	server := httptest.NewServer(newHandler())
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), server.URL+Echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, message := range []string{"one", "two"} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := conn.Read(t.Context())
		if err != nil || kind != websocket.MessageText || string(got) != message {
			t.Errorf("got %v %q, %v, want %q", kind, got, err, message)
		}
	}
}
