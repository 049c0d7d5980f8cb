package command

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// draining is an API at which a drain goes through the answers, one with each
// look, and stays with the last.
func draining(t *testing.T, answers ...string) *fake {
	t.Helper()
	f := startFake(t, map[string]string{
		"GET /load_balance/pools":                          onePool,
		"GET /load_balance/pools/web/backends":             twoServers,
		"POST /load_balance/pools/web/backends/web1/drain": `202 {"id":"web1","admin_state":"drain"}`,
	})
	looks := 0
	f.on("GET /load_balance/pools/web/backends/web1", func() (int, string) {
		answer := answers[min(looks, len(answers)-1)]
		looks++
		if answer == "gone" {
			return 404, `{"error":"pool \"web\" has no backend \"web1\"","code":"unknown_backend"}`
		}
		return 200, answer
	})
	return f
}

func waits(what string) string {
	return fmt.Sprintf(`{"id":"web1","admin_state":"drain","drain":{"done":false,"waiting_for":%q}}`, what)
}

const (
	drained       = `{"id":"web1","admin_state":"drain","drain":{"done":true}}`
	inMaintenance = `{"id":"web1","admin_state":"maintenance"}`
	readyAgain    = `{"id":"web1","admin_state":"ready"}`
)

func TestDrain(t *testing.T) {
	tests := []struct {
		args    string
		looks   []string
		code    int
		out     string // without the time
		message string
		sends   string
	}{
		{
			"web1",
			[]string{waits("2 requests"), waits("2 requests"), waits("1 request"), drained},
			0, "web1 of pool web has drained after ",
			"draining web1: waits for 2 requests\ndraining web1: waits for 1 request\n", "drain {}",
		},
		{
			"10.0.0.1 --deadline 90s --then remove",
			[]string{waits("1 tunnel"), "gone"},
			0, "web1 of pool web was removed after ", "draining web1: waits for 1 tunnel\n", `drain {"deadline":"1m30s","then":"remove"}`,
		},
		{
			"web1 --then maintenance --force",
			[]string{inMaintenance},
			0, "web1 of pool web is in maintenance after ", "", `drain?force=true {"then":"maintenance"}`,
		},
		{
			"web1",
			[]string{waits("sessions, for 4m59s"), waits("sessions, for 4m58s"), waits("sessions, for 58.5s"), drained},
			0, "web1 of pool web has drained after ", "draining web1: waits for sessions, for 4m59s\n", "drain {}",
		},
		{"web1 --no-wait", nil, 0, "web1 of pool web is draining", "", "drain {}"},
		{"web1", []string{readyAgain}, exitUnfinished, "", "Error: web1 is ready: somebody has cancelled the drain\n", "drain {}"},
		{"web1", []string{inMaintenance}, exitUnfinished, "", "Error: web1 is maintenance: somebody has cancelled the drain\n", "drain {}"},
		{"web1", []string{"gone"}, exitUnfinished, "", "Error: web1 is gone: somebody has removed it\n", "drain {}"},
		{
			"web1 --timeout 250ms",
			[]string{waits("1 request")},
			exitUnfinished, "",
			"draining web1: waits for 1 request\nError: the drain of web1 is not over after 250ms, and goes on: it waits for 1 request\n", "drain {}",
		},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			f := draining(t, test.looks...)
			got := run(t, append([]string{"drain", "--address", f.addr()}, strings.Fields(test.args)...)...)
			same(t, "code", got.code, test.code)
			if !strings.HasPrefix(got.out, test.out) || test.out == "" && got.out != "" {
				t.Errorf("output %q does not begin with %q", got.out, test.out)
			}
			same(t, "messages", got.errOut, test.message)
			contains(t, "requests", f.requests(), "POST /load_balance/pools/web/backends/web1/"+test.sends)
		})
	}
}

func TestDrainToItsDeadline(t *testing.T) {
	f := draining(t)
	began, over := time.Now(), false
	f.on("GET /load_balance/pools/web/backends/web1", func() (int, string) {
		switch {
		case time.Since(began) < 1100*time.Millisecond:
			return 200, waits("1 tunnel")
		case !over:
			over = true
			return 200, waits("its removal")
		}
		return 404, `{"error":"gone","code":"unknown_backend"}`
	})
	got := run(t, "drain", "web1", "--deadline", "1s", "--then", "remove", "--address", f.addr())
	same(t, "code", got.code, 0)
	contains(t, "output", got.out, "was removed after ", ", at its deadline; it waited for 1 tunnel\n")
}

func TestDrainJSON(t *testing.T) {
	f := draining(t, waits("2 requests"), waits("2 requests"), waits("1 request"), "gone")
	got := run(t, "drain", "web1", "--then", "remove", "--json", "--address", f.addr())
	same(t, "output", got.out, waits("2 requests")+"\n"+waits("1 request")+"\n"+`{"pool":"web","id":"web1","removed":true}`+"\n")
}

// TestDrainOverARestart: the drain goes on when Caddy is there again.
func TestDrainOverARestart(t *testing.T) {
	f := draining(t, waits("1 request"))
	addr := f.addr()
	looks, restarted := 0, make(chan struct{})
	f.on("GET /load_balance/pools/web/backends/web1", func() (int, string) {
		if looks++; looks == 1 {
			// nobody listens any more, and the connection ends with the answer
			go func() {
				defer close(restarted)
				f.server.Close()
				again := httptest.NewUnstartedServer(f)
				again.Listener.Close()
				again.Listener = listenAgain(t, addr)
				again.Start()
				t.Cleanup(again.Close)
			}()
			return 200, waits("1 request")
		}
		return 200, drained
	})
	got := run(t, "drain", "web1", "--address", addr)
	<-restarted
	same(t, "code", got.code, 0)
	contains(t, "output", got.out, "web1 of pool web has drained after ")
}
