package proxy

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// partsClient is a client's connection that says in which parts it was written
// to, and takes its time for each.
type partsClient struct {
	http.ResponseWriter
	takes time.Duration
	parts []int
}

func (c *partsClient) Write(p []byte) (int, error) {
	time.Sleep(c.takes)
	c.parts = append(c.parts, len(p))
	return len(p), nil
}

func (c *partsClient) SetWriteDeadline(time.Time) error { return nil }

// behindServer returns the client as a handler sees it, which is through the
// server's limits.
func behindServer(c *partsClient, limits caddyhttp.IdleTimeoutWriter) (*caddyhttp.IdleTimeoutWriter, *http.Request) {
	w := &limits
	w.ResponseWriterWrapper = &caddyhttp.ResponseWriterWrapper{ResponseWriter: c}
	w.Ctrl = http.NewResponseController(c)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	return w, r.WithContext(caddyhttp.ContextWithIdleTimeouts(r.Context(), nil, w))
}

func TestLargePiecesGoToQuickClientsAtOnce(t *testing.T) {
	const part, piece = caddyhttp.DefaultMaxWriteChunk, http1BufferSize
	limited := caddyhttp.IdleTimeoutWriter{
		MaxChunk: part, Deadline: caddyhttp.IdleDeadline{Timeout: time.Minute},
	}
	configured, rated := limited, limited
	configured.MaxChunk, rated.Deadline.MinRate = part/2, 100
	split := func(into int) []int { return slices.Repeat([]int{into}, 2*piece/into) }

	for name, c := range map[string]struct {
		limits caddyhttp.IdleTimeoutWriter
		takes  time.Duration
		want   []int
	}{
		"quick":             {limited, quickWrite / 2, []int{part, piece - part, piece}},
		"slow":              {limited, 2 * quickWrite, split(part)},
		"configured limit":  {configured, 0, split(part / 2)},
		"least rate is set": {rated, 0, split(part)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &partsClient{ResponseWriter: httptest.NewRecorder(), takes: c.takes}
				server, r := behindServer(client, c.limits)
				w := chunkedWriter{w: server}
				for range 2 {
					if err := w.write(r, make([]byte, piece)); err != nil {
						t.Fatal(err)
					}
				}
				w.end()
				if !slices.Equal(client.parts, c.want) {
					t.Errorf("two pieces were written as %v, want %v", client.parts, c.want)
				}
				if server.MaxChunk != c.limits.MaxChunk {
					t.Errorf("the server's limit is left at %d, was %d", server.MaxChunk, c.limits.MaxChunk)
				}
			})
		})
	}
}

// TestSlowedClientGetsSmallPiecesAgain is of a client that is quick at first.
func TestSlowedClientGetsSmallPiecesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &partsClient{ResponseWriter: httptest.NewRecorder()}
		server, r := behindServer(client, caddyhttp.IdleTimeoutWriter{
			MaxChunk: caddyhttp.DefaultMaxWriteChunk, Deadline: caddyhttp.IdleDeadline{Timeout: time.Minute},
		})
		w := chunkedWriter{w: server}
		for i, takes := range []time.Duration{0, 2 * quickWrite, 2 * quickWrite} {
			client.takes, client.parts = takes, nil
			if err := w.write(r, make([]byte, http1BufferSize)); err != nil {
				t.Fatal(err)
			}
			want := []int{2, 1, 4}[i]
			if len(client.parts) != want {
				t.Errorf("piece %d was written as %v, want %d parts", i, client.parts, want)
			}
		}
	})
}
