package compare

import (
	"fmt"
	"net/http"
	"testing"
)

// stickyBlock has clients stay by a cookie, and be retried.
func stickyBlock(d directive) string {
	if d == theirs {
		return "lb_policy cookie lb secret {\nfallback round_robin\n}\nlb_retries 2"
	}
	return "sticky cookie lb secret\nlb_retries 2"
}

// die ends the connection in the place of an answer.
func die(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Clients that are new meet backends which die before they answer.
func TestCookies(t *testing.T) {
	for _, c := range []struct {
		name, what string
		dying      int
		measure    func(status, cookies, most int) int
	}{
		{
			"2 of 3 backends die before they answer; clients are to stay by a cookie, `lb_retries 2`",
			"most cookies of that name in one response", 2,
			func(_, cookies, most int) int { return max(cookies, most) },
		},
		{
			"the same with all of them", "responses of 30 that are errors and set the cookie", 3,
			func(status, cookies, sum int) int {
				if status >= 500 && cookies > 0 {
					sum++
				}
				return sum
			},
		},
	} {
		compare(t, c.name, c.what, func(t *testing.T, d directive) string {
			_, addrs := newBackends(t, c.dying, die)
			_, good := newBackends(t, 3-c.dying, ok)
			s := serve(t, d, stickyBlock(d), append(addrs, good...)...)
			measured := 0
			for range 30 {
				res, err := http.DefaultClient.Do(s.get())
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				measured = c.measure(res.StatusCode, len(res.Cookies()), measured)
			}
			want(t, d, measured == 3-c.dying, "%d", measured)
			return fmt.Sprint(measured)
		})
	}
}
