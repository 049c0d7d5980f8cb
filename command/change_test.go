package command

import (
	"os"
	"strings"
	"testing"
	"time"
)

const (
	onePool    = `200 [{"name":"web"}]`
	twoPools   = `200 [{"name":"api"},{"name":"web"}]`
	twoServers = `200 [{"id":"web1","address":"10.0.0.1:80","admin_state":"ready","state":"up","accepting":true},` +
		`{"id":"10.0.0.2:80","address":"10.0.0.2:80","admin_state":"ready","state":"up","accepting":true}]`
)

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestChanges holds for each command that changes something: what it sends to
// the API, and what it prints.
func TestChanges(t *testing.T) {
	tests := []struct {
		command string
		answers map[string]string
		sends   string // after it has found out what is meant
		prints  string
	}{
		{
			"add 10.0.0.3 --weight 2 --label zone=a -p web",
			map[string]string{"POST /load_balance/pools/web/backends": `201 {"id":"10.0.0.3:80","state":"up","accepting":true}`},
			`POST /load_balance/pools/web/backends {"address":"10.0.0.3:80","labels":{"zone":"a"},"max_requests":0,"priority":0,"weight":2}`,
			"added 10.0.0.3:80 to pool web: up, accepting\n",
		},
		{
			"add 10.0.0.3:80-81 --priority 1 --max-requests 9 --json",
			map[string]string{"POST /load_balance/pools/web/backends": `201 {"id":"x"}`},
			"GET /load_balance/pools\n" +
				`POST /load_balance/pools/web/backends {"address":"10.0.0.3:80","max_requests":9,"priority":1,"weight":1}` + "\n" +
				`POST /load_balance/pools/web/backends {"address":"10.0.0.3:81","max_requests":9,"priority":1,"weight":1}`,
			`{"id":"x"}` + "\n" + `{"id":"x"}` + "\n",
		},
		{
			"add 10.0.0.3:80 --id web3 --dry-run --force -p web",
			map[string]string{"POST /load_balance/pools/web/backends": `200 {"dry_run":true,"revision":4,"added":[{"id":"web3","address":"10.0.0.3:80","weight":1,"priority":0,"max_requests":0,"admin_state":"ready"}],"changed":[],"removed":[]}`},
			`POST /load_balance/pools/web/backends?dry_run=true&force=true {"address":"10.0.0.3:80","id":"web3","max_requests":0,"priority":0,"weight":1}`,
			"would add web3: address 10.0.0.3:80, admin_state ready, max_requests 0, priority 0, weight 1\n",
		},
		{
			"weight web1 7 --dry-run -p web",
			map[string]string{"PATCH /load_balance/pools/web/backends/web1": `200 {"dry_run":true,"revision":4,"added":[],"changed":[{"id":"web1","old":{"weight":1,"labels":null},"new":{"weight":7,"labels":{"b":"2","a":"1"}}}],"removed":[]}`},
			"GET /load_balance/pools/web/backends\n" + `PATCH /load_balance/pools/web/backends/web1?dry_run=true {"weight":7}`,
			"would change web1: labels none to a=1 b=2, weight 1 to 7\n",
		},
		{
			"remove web1 --dry-run -p web",
			map[string]string{"DELETE /load_balance/pools/web/backends/web1": `200 {"dry_run":true,"revision":4,"added":[],"changed":[],"removed":[{"id":"web1"}]}`},
			"GET /load_balance/pools/web/backends\nDELETE /load_balance/pools/web/backends/web1?dry_run=true",
			"would remove web1\n",
		},
		{
			"ready web1 --dry-run -p web",
			map[string]string{"PATCH /load_balance/pools/web/backends/web1": `200 {"dry_run":true,"revision":4,"added":[],"changed":[],"removed":[]}`},
			"GET /load_balance/pools/web/backends\n" + `PATCH /load_balance/pools/web/backends/web1?dry_run=true {"admin_state":"ready"}`,
			"would change nothing\n",
		},
		{
			"remove 10.0.0.1 10.0.0.2:80 --force -p web",
			map[string]string{"DELETE /load_balance/pools/web/backends/web1": "204 ", "DELETE /load_balance/pools/web/backends/10.0.0.2:80": "204 "},
			"GET /load_balance/pools/web/backends\nDELETE /load_balance/pools/web/backends/web1?force=true\nDELETE /load_balance/pools/web/backends/10.0.0.2:80?force=true",
			"removed web1 from pool web\nremoved 10.0.0.2:80 from pool web\n",
		},
		{
			"remove web1 --json -p web",
			map[string]string{"DELETE /load_balance/pools/web/backends/web1": "204 "},
			"GET /load_balance/pools/web/backends\nDELETE /load_balance/pools/web/backends/web1",
			`{"pool":"web","id":"web1","removed":true}` + "\n",
		},
		{
			"maintenance web1 -p web",
			map[string]string{"PATCH /load_balance/pools/web/backends/web1": `200 {"id":"web1","reason":"in maintenance","in_flight":2}`},
			"GET /load_balance/pools/web/backends\n" + `PATCH /load_balance/pools/web/backends/web1 {"admin_state":"maintenance"}`,
			"web1 of pool web: not accepting: in maintenance, 2 in flight\n",
		},
		{
			"ready HTTP://10.0.0.1/ -p web",
			map[string]string{"PATCH /load_balance/pools/web/backends/web1": `200 {"id":"web1","state":"up","accepting":true}`},
			"GET /load_balance/pools/web/backends\n" + `PATCH /load_balance/pools/web/backends/web1 {"admin_state":"ready"}`,
			"web1 of pool web: up, accepting, 0 in flight\n",
		},
		{
			"weight web1 7 -p web",
			map[string]string{"PATCH /load_balance/pools/web/backends/web1": `200 {"id":"web1","weight":7}`},
			"GET /load_balance/pools/web/backends\n" + `PATCH /load_balance/pools/web/backends/web1 {"weight":7}`,
			"web1 of pool web has weight 7\n",
		},
	}
	for _, test := range tests {
		t.Run(test.command, func(t *testing.T) {
			f := startFake(t, test.answers)
			f.on("GET /load_balance/pools", func() (int, string) { return 200, strings.TrimPrefix(onePool, "200 ") })
			f.on("GET /load_balance/pools/web/backends", func() (int, string) { return 200, strings.TrimPrefix(twoServers, "200 ") })
			got := run(t, append(strings.Fields(test.command), "--address", f.addr())...)
			same(t, "result", got, result{out: test.prints})
			same(t, "requests", f.requests(), test.sends)
		})
	}
}

func TestWhichIsMeant(t *testing.T) {
	f := startFake(t, map[string]string{
		"GET /load_balance/pools":              twoPools,
		"GET /load_balance/pools/web/backends": twoServers,
	})
	same(t, "several pools", run(t, "remove", "web1", "--address", f.addr()),
		result{exitRefused, "", "Error: there are several pools, name one of them with --pool: api, web\n"})
	same(t, "unknown backend", run(t, "remove", "web1", "web9", "-p", "web", "--address", f.addr()),
		result{exitRefused, "", "Error: pool \"web\" has no backend \"web9\"; it has web1, 10.0.0.2:80\n"})
	if strings.Contains(f.requests(), "DELETE") {
		t.Error("something was removed")
	}
	none := startFake(t, map[string]string{"GET /load_balance/pools": "200 []"})
	got := run(t, "remove", "web1", "--address", none.addr())
	same(t, "no pool", got.code, exitRefused)
	contains(t, "no pool", got.errOut, "has no pool")
}

func TestForceIsProposed(t *testing.T) {
	f := startFake(t, map[string]string{
		"GET /load_balance/pools":                     onePool,
		"GET /load_balance/pools/web/backends":        twoServers,
		"PATCH /load_balance/pools/web/backends/web1": `422 {"error":"after this change no backend of the pool would accept requests","code":"none_accepting"}`,
	})
	same(t, "refused", run(t, "maintenance", "web1", "--address", f.addr()),
		result{exitRefused, "", "Error: after this change no backend of the pool would accept requests (--force does it all the same)\n"})
}

func TestWaitUntilAccepting(t *testing.T) {
	f := startFake(t, map[string]string{
		"GET /load_balance/pools":               onePool,
		"POST /load_balance/pools/web/backends": `201 {"id":"web3","state":"waiting","reason":"waiting for its first health check"}`,
	})
	looks := 0
	f.on("GET /load_balance/pools/web/backends/web3", func() (int, string) {
		if looks++; looks < 3 {
			return 200, `{"id":"web3","state":"waiting","reason":"waiting for its first health check"}`
		}
		return 200, `{"id":"web3","state":"up","accepting":true}`
	})
	got := run(t, "add", "10.0.0.3:80", "--wait", "30s", "--address", f.addr())
	same(t, "code", got.code, 0)
	contains(t, "messages", got.errOut, "web3 accepts requests after ")
	same(t, "looks", looks, 3)

	f.on("GET /load_balance/pools/web/backends/web3", func() (int, string) {
		return 200, `{"id":"web3","state":"down","reason":"down: connection refused"}`
	})
	same(t, "in vain", run(t, "add", "10.0.0.3:80", "--wait", "250ms", "--address", f.addr()), result{
		exitUnfinished,
		"added web3 to pool web: not accepting: waiting for its first health check\n",
		"Error: web3 does not accept requests after 250ms: down: connection refused\n",
	})
}

func TestWaitForInstances(t *testing.T) {
	f := startFake(t, map[string]string{
		"GET /load_balance/pools/web/backends":        twoServers,
		"PATCH /load_balance/pools/web/backends/web1": `200 {"id":"web1","weight":7}`,
		"GET /load_balance/pools/web":                 `200 {"name":"web","instances":[{"host":"lb1","pid":1,"current":true},{"host":"lb2","pid":2,"current":true}]}`,
	})
	weigh := func() result {
		return run(t, "weight", "web1", "7", "--sync", "5s", "-p", "web", "--address", f.addr())
	}
	same(t, "all", weigh(), result{0, "web1 of pool web has weight 7\n", "all 2 instances have it\n"})
	contains(t, "requests", f.requests(), "GET /load_balance/pools/web?wait=5s")
	f.on("GET /load_balance/pools/web", func() (int, string) {
		return 200, `{"name":"web","instances":[{"host":"lb1","pid":1,"current":true},{"host":"lb2","pid":2,"seen":"` + time.Now().Format(time.RFC3339) + `"}]}`
	})
	same(t, "not all", weigh(), result{
		exitUnfinished, "web1 of pool web has weight 7\n",
		"Error: it is done, but after 5s not all of 2 instances have it: behind are lb2 (pid 2, seen 0s ago)\n",
	})
}
