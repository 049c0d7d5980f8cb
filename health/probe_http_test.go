package health

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

func TestHTTPStatus(t *testing.T) {
	tests := []struct {
		status int
		expect []int
		want   string
		pass   bool
	}{
		{200, nil, "HTTP 200", true},
		{204, nil, "HTTP 204", true},
		{302, nil, "HTTP 302, expected 2xx", false},
		{503, nil, "HTTP 503, expected 2xx", false},
		{503, []int{503}, "HTTP 503", true},
		{200, []int{503}, "HTTP 200, expected 503", false},
		{401, []int{2, 401}, "HTTP 401", true},
		{404, []int{200, 3, 401}, "HTTP 404, expected 200, 3xx or 401", false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d of %v", test.status, test.expect), func(t *testing.T) {
			tr := httpTrial(t, "/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(test.status) })
			tr.settings.ExpectStatus = test.expect
			tr.expect(t, test.want, test.pass)
		})
	}
}

func TestHTTPBody(t *testing.T) {
	tests := map[string]struct {
		body   string
		expect string
		max    int64
		want   string
		pass   bool
	}{
		"matches":              {"all is well\n", "is (well|fine)", 0, "HTTP 200", true},
		"does not":             {"password=hunter2", "well", 0, "body does not match", false},
		"beyond the limit":     {strings.Repeat(".", 100) + "well", "well", 100, "body does not match", false},
		"within the limit":     {strings.Repeat(".", 96) + "well" + "more", "well$", 100, "HTTP 200", true},
		"huge, of no interest": {strings.Repeat(".", 8<<20), "", 0, "HTTP 200", true},
		"huge, matches early":  {"well" + strings.Repeat(".", 8<<20), "^well", 0, "HTTP 200", true},
		"empty":                {"", "^$", 0, "HTTP 200", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tr := httpTrial(t, "/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, test.body) })
			tr.settings.ExpectBody, tr.settings.MaxSize = test.expect, test.max
			tr.expect(t, test.want, test.pass)
		})
	}
}

func TestHTTPCompressedBodyIsTakenAsItIs(t *testing.T) {
	tr := httpTrial(t, "/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "not gzip, asked for: "+r.Header.Get("Accept-Encoding"))
	})
	tr.settings.ExpectBody = "^not gzip, asked for: $"
	tr.expect(t, "HTTP 200", true)
}

// request is what a server got of a probe.
func request(t *testing.T, change func(*config.ActiveHealth)) (r *http.Request, body, address string) {
	t.Helper()
	tr := httpTrial(t, "/health?full=1&x=%2F", func(_ http.ResponseWriter, got *http.Request) {
		b, err := io.ReadAll(got.Body)
		if err != nil {
			t.Error(err)
		}
		r, body = got, string(b)
	})
	change(&tr.settings)
	tr.expect(t, "HTTP 200", true)
	return r, body, tr.address
}

func TestHTTPRequest(t *testing.T) {
	r, body, address := request(t, func(*config.ActiveHealth) {})
	if r.Method != "GET" || r.RequestURI != "/health?full=1&x=%2F" || r.Host != address || body != "" {
		t.Errorf("got %s %s for %s with body %q", r.Method, r.RequestURI, r.Host, body)
	}
	if !r.Close || r.UserAgent() != userAgent || len(r.Header) != 2 {
		t.Errorf("close %t, headers %v", r.Close, r.Header)
	}
}

func TestHTTPRequestConfigured(t *testing.T) {
	t.Setenv("HEALTH_TEST_TOKEN", "s3cret")
	r, body, address := request(t, func(a *config.ActiveHealth) {
		a.Method = "POST"
		a.Host = "app.example.com"
		a.Body = `{"probe": "{http.load_balance.active.target_backend}", "x": {unknown}}`
		a.Headers = http.Header{
			"Authorization": {"Bearer {env.HEALTH_TEST_TOKEN}"},
			"X-Two":         {"{http.reverse_proxy.active.target_upstream}", "{http.request.host}"},
			"user-agent":    {"mine"},
			"Host":          {"ignored.example.com"},
		}
	})
	if r.Method != "POST" || r.Host != "app.example.com" || r.UserAgent() != "mine" {
		t.Errorf("got %s for %s by %s", r.Method, r.Host, r.UserAgent())
	}
	if want := fmt.Sprintf(`{"probe": %q, "x": {unknown}}`, address); body != want {
		t.Errorf("body %s, want %s", body, want)
	}
	if got := r.Header.Get("Authorization"); got != "Bearer s3cret" {
		t.Errorf("Authorization: %s", got)
	}
	if got := strings.Join(r.Header["X-Two"], " "); got != address+" {http.request.host}" {
		t.Errorf("X-Two: %s", got)
	}
}

func TestHTTPHostHeader(t *testing.T) {
	r, _, _ := request(t, func(a *config.ActiveHealth) { a.Headers = http.Header{"Host": {"by-header.example.com:81"}} })
	if r.Host != "by-header.example.com:81" {
		t.Errorf("Host: %s", r.Host)
	}
	for address, want := range map[string]string{
		"10.0.0.1:80":         "10.0.0.1",
		"https://10.0.0.1":    "10.0.0.1",
		"http://10.0.0.1:444": "10.0.0.1:444",
		"[::1]:80":            "[::1]",
		"[::1]:81":            "[::1]:81",
		"unix//run/s":         "localhost",
	} {
		addr, err := config.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		settings := (&config.ActiveHealth{URI: "/", Scheme: map[string]string{"https": "https"}[addr.Scheme]}).WithDefaults()
		p, err := newHTTPProber(addr, endpointOf(addr, &settings), &settings, trial{}.connector)
		if err != nil {
			t.Fatal(err)
		}
		if p.url.Host != want {
			t.Errorf("%s: Host %s, want %s", address, p.url.Host, want)
		}
	}
}

// TestHTTPIgnoresTheEnvironment proves that no proxy is asked.
func TestHTTPIgnoresTheEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	httpTrial(t, "/", func(http.ResponseWriter, *http.Request) {}).expect(t, "HTTP 200", true)
}

func TestHTTPAgainstMisbehavingServers(t *testing.T) {
	write := func(s string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, s) }
	}
	drip := func(head, drop string) func(net.Conn) {
		return func(conn net.Conn) {
			if _, err := io.WriteString(conn, head); err != nil {
				return
			}
			for range 500 {
				if _, err := io.WriteString(conn, drop); err != nil {
					return
				}
				<-time.After(10 * time.Millisecond)
			}
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	timeout := "timeout after 300ms"
	tests := map[string]struct {
		serve func(net.Conn)
		want  string
	}{
		"closes without a word":    {func(net.Conn) {}, "connection closed before a response"},
		"resets":                   {func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, "connection reset"},
		"never answers":            {untilGone, timeout},
		"another protocol":         {write("SSH-2.0-secret\r\n"), "no valid response"},
		"half a head":              {write(ok + "A: b"), "connection closed before a response"},
		"slow head":                {drip(ok, "A: b\r\n"), timeout},
		"endless head":             {drip(ok, "A: "+strings.Repeat("b", 64<<10)), "no valid response"},
		"slow body":                {drip(ok+"Content-Length: 1000\r\n\r\n", "."), timeout},
		"short body":               {write(ok + "Content-Length: 10\r\n\r\n12345"), "body ended early"},
		"broken chunks":            {write(ok + "Transfer-Encoding: chunked\r\n\r\nsecret\r\n"), "no valid response"},
		"conflicting lengths":      {write(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n1"), "no valid response"},
		"an endless body is fine":  {drip(ok+"\r\n", strings.Repeat(".", 8<<10)), "HTTP 200"},
		"close-delimited":          {write(ok + "\r\nbody"), "HTTP 200"},
		"early hints":              {write("HTTP/1.1 103 Early Hints\r\n\r\n" + ok + "\r\n"), "HTTP 200"},
		"switches without request": {write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), "HTTP 101, expected 2xx"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := rawServer(t, "tcp", func(conn net.Conn) {
				readHead(conn)
				test.serve(conn)
			})
			settings := within(config.ActiveHealth{URI: "/"}, 300*time.Millisecond)
			trial{address: l.Addr().String(), settings: settings}.expect(t, test.want, test.want == "HTTP 200")
		})
	}
}

func TestHTTPTimeoutWhileConnecting(t *testing.T) {
	settings := within(config.ActiveHealth{URI: "/"}, 200*time.Millisecond)
	trial{address: blackhole(t), settings: settings}.expect(t, "timeout after 200ms", false)
}

func TestHTTPRefused(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", closedPort(t))
	trial{address: address, settings: config.ActiveHealth{URI: "/"}}.expect(t, "connection refused", false)
}

func TestHTTPOverUnixSocket(t *testing.T) {
	got := make(chan string, 1)
	l := rawServer(t, "unix", func(conn net.Conn) {
		readHead(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		got <- conn.LocalAddr().String()
	})
	trial{address: "unix/" + l.Addr().String(), settings: config.ActiveHealth{URI: "/", ExpectBody: "^ok$"}}.
		expect(t, "HTTP 200", true)
	if path := <-got; path != l.Addr().String() {
		t.Errorf("came by %s", path)
	}
}

func TestHTTPMisconfigured(t *testing.T) {
	for name, settings := range map[string]config.ActiveHealth{
		"uri":    {URI: "no-slash"},
		"regexp": {URI: "/", ExpectBody: "("},
		"method": {URI: "/", Method: "GET ME"},
	} {
		t.Run(name, func(t *testing.T) {
			got, passed := trial{address: "127.0.0.1:1", settings: settings}.run(t)
			if passed || !strings.HasPrefix(got, "misconfigured: ") {
				t.Errorf("got %q, passed %t", got, passed)
			}
		})
	}
}

// TestHTTPLeavesNothingOpen proves that every probe closes its connection, with
// a server that would keep it alive.
func TestHTTPLeavesNothingOpen(t *testing.T) {
	closed := make(chan struct{}, 8)
	l := rawServer(t, "tcp", func(conn net.Conn) {
		readHead(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")
		untilGone(conn)
		closed <- struct{}{}
	})
	for range 3 {
		trial{address: l.Addr().String(), settings: config.ActiveHealth{URI: "/"}}.expect(t, "HTTP 200", true)
		select {
		case <-closed:
		case <-time.After(5 * time.Second):
			t.Fatal("the connection is still open")
		}
	}
}
