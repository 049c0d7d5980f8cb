package sticky

import (
	"fmt"
	"sync"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// TestSessionsUnderChange has clients come while backends, secret and attributes
// change. Each goes to a backend and has a cookie of it whenever it is answered;
// when all is quiet, it stays.
func TestSessionsUnderChange(t *testing.T) {
	secret := NewSecret([]byte("0"))
	keeper := NewCookie(&config.Sticky{}, "", secret)
	p := newPool(t, 40, keeper)
	clients := make([]*client, 8)
	var wg sync.WaitGroup
	for i := range clients {
		clients[i] = new(client)
		wg.Go(func() {
			for range 300 {
				if _, header := clients[i].get(t, p); len(header["Set-Cookie"]) > 1 {
					t.Errorf("cookies %q", header["Set-Cookie"])
				}
			}
		})
	}
	all := specsOf(t, 40)
	for i := range 60 {
		switch i % 3 {
		case 0:
			secret.Set(fmt.Append(nil, i))
			p.Republish()
		case 1:
			seed(t, p, all[i/2:], NewCookie(&config.Sticky{Path: fmt.Sprint("/", i)}, "", secret))
		case 2:
			specs := specsOf(t, 40)
			specs[i%40].AdminState = pool.Drain
			seed(t, p, specs, keeper)
		}
	}
	wg.Wait()
	for _, c := range clients {
		c.get(t, p)
		at, _ := c.get(t, p)
		if again, header := c.get(t, p); again != at || len(header) > 0 {
			t.Errorf("sent to %s and %s, header %v", at, again, header)
		}
	}
}
