package operate

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/integration/curl"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/process"
	"github.com/caddy-loadbalance/caddy-loadbalance/integration/websocket"
)

const deployScripts = "../../examples/rolling-deploy/"

// A script deploys to three backends, one after the other, under load: no
// request fails, and no WebSocket ends but those of the backend whose turn it is.
func TestRollingDeploy(t *testing.T) {
	for name, dir := range curl.Clients(t) {
		t.Run(name, func(t *testing.T) { rollingDeploy(t, dir, "deploy.sh") })
		if name == "stand-in" { // which the command of the test needs
			t.Run("command line", func(t *testing.T) { rollingDeploy(t, dir, "deploy-cli.sh") })
		}
	}
}

func rollingDeploy(t *testing.T, curlDir, script string) {
	d := newDeploy(t)
	for range scale(1, 5) {
		d.run(curlDir, deployScripts+script, "web", d.command)
	}
	d.end()
}

// A command that fails ends the deploy. Its backend stays out of service, the
// others serve.
func TestRollingDeployFails(t *testing.T) {
	for name, dir := range curl.Clients(t) {
		t.Run(name, func(t *testing.T) {
			d := newDeploy(t)
			out, err := d.shell(dir, deployScripts+"deploy.sh", "web", "false")
			if err == nil {
				t.Errorf("the deploy has not failed: %s", out)
			}
			d.stands("web1", outOfService)
			for _, id := range []string{"web2", "web3"} {
				d.stands(id, serves)
			}
			if got := d.load.shares(t, 50); got["web2 v1"] == 0 || got["web3 v1"] == 0 || len(got) != 2 {
				t.Errorf("after a deploy that has failed, answers came from %v", got)
			}
			d.load.end(t)
		})
	}
}

// comeAgain is the status of a WebSocket that is closed since its server goes
// away, by RFC 6455, section 7.4.1.
const comeAgain = 1001

var outOfService = standing{State: "maintenance", Reason: "in maintenance"}

// deploy is a Caddy with three backends under load, and WebSockets. It plays the
// part of the command that brings up the next version.
type deploy struct {
	*site
	t       *testing.T
	servers map[string]*server
	load    *load
	command string

	mu       sync.Mutex
	sockets  []*websocket.Conn
	deployed []string
	version  int64
}

func newDeploy(t *testing.T) *deploy {
	t.Helper()
	d := &deploy{t: t, servers: make(map[string]*server), version: 1}
	var list []*server
	for _, id := range []string{"web1", "web2", "web3"} {
		b := startServer(t, id)
		d.servers[id], list = b, append(list, b)
	}
	d.site = serve(t, t.TempDir(), "health_uri /health\nhealth_interval 500ms", list...)
	for id := range d.servers {
		d.stands(id, serves)
	}
	d.load = startLoad(t, d.front)
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := d.replace(filepath.Base(r.URL.Path)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(control.Close)
	d.command = filepath.Join(d.home, "replace")
	text := fmt.Sprintf("#!/bin/sh\nset -eu\ncurl -sS --fail-with-body -X POST '%s/'\"$1\"\n", control.URL)
	if err := os.WriteFile(d.command, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 6 { // two at each
		d.open()
	}
	return d
}

// open opens one more WebSocket.
func (d *deploy) open() {
	ws, err := websocket.Open(d.front)
	if err != nil {
		d.t.Errorf("opening a WebSocket: %v", err)
		return
	}
	d.t.Cleanup(func() { _ = ws.Close() })
	d.sockets = append(d.sockets, ws)
}

// replace brings up the next version of a backend, which must have finished.
func (d *deploy) replace(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.servers[id]
	if b == nil {
		return fmt.Errorf("there is no %q", id)
	}
	p := d.pool()
	for _, view := range p.Backends {
		want := serves
		if view.ID == id {
			want = outOfService
		}
		if view.ID == id && view.InFlight > 0 {
			d.t.Errorf("%s is to be replaced, and has %d requests in flight, with %d tunnels", id, view.InFlight, view.Tunnels)
		}
		if view.standing != want {
			d.t.Errorf("while %s is replaced, %s stands so: %+v, want %+v", id, view.ID, view.standing, want)
		}
	}
	if p.Total != 3 || p.Accepting != 2 {
		d.t.Errorf("while %s is replaced, %d of %d accept", id, p.Accepting, p.Total)
	}
	b.mayServe(false)
	d.load.more(d.t, 20)
	if err := b.restart(); err != nil {
		return err
	}
	d.sockets = slices.DeleteFunc(d.sockets, func(ws *websocket.Conn) bool {
		if ws.Backend != id {
			return false
		}
		// it was told to come again, before anything was replaced
		if status, err := ws.Ended(); err != nil || status != comeAgain {
			d.t.Errorf("a WebSocket to %s has ended with the status %d: %v", id, status, err)
		}
		_ = ws.Close()
		return true
	})
	d.echo("while " + id + " is replaced")
	d.open() // at one of the others
	d.deployed = append(d.deployed, id)
	b.mayServe(true)
	return nil
}

// echo has all WebSockets show that they are open.
func (d *deploy) echo(when string) {
	for _, ws := range d.sockets {
		if err := ws.Echo(when); err != nil {
			d.t.Errorf("%s: the WebSocket to %s: %v", when, ws.Backend, err)
		}
	}
}

// run runs a script that deploys to all backends.
func (d *deploy) run(curlDir string, args ...string) {
	d.t.Helper()
	d.deployed = nil
	d.version++
	out, err := d.shell(curlDir, args...)
	if err != nil {
		d.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	if fmt.Sprint(d.deployed) != "[web1 web2 web3]" {
		d.t.Errorf("deployed to %v", d.deployed)
	}
	for id := range d.servers {
		d.stands(id, serves)
	}
	got := d.load.shares(d.t, 60)
	for id := range d.servers {
		if name := fmt.Sprintf("%s v%d", id, d.version); got[name] == 0 || len(got) != 3 {
			d.t.Errorf("after the deploy, answers came from %v, want some of %s", got, name)
		}
	}
	d.echo("after the deploy")
}

// shell runs a command where it finds curl and caddy, and the admin endpoint.
func (d *deploy) shell(curlDir string, args ...string) (output string, err error) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 4*process.Patience)
	defer cancel()
	path, err := filepath.Abs(args[0])
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := process.Command(ctx, d.home, append([]string{"/bin/sh", path}, args[1:]...)...)
	cmd.Env = append(cmd.Env, "PATH="+curlDir+":"+d.caddyDir()+":"+os.Getenv("PATH"),
		"ADMIN="+d.admin, "CADDY_ADMIN="+d.admin, "DEADLINE=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// caddyDir returns a directory with Caddy under its name.
func (d *deploy) caddyDir() string {
	d.t.Helper()
	dir := d.t.TempDir()
	if err := os.Symlink(suite.Caddy(d.t, process.Race), filepath.Join(dir, "caddy")); err != nil {
		d.t.Fatal(err)
	}
	return dir
}

// end makes sure that nothing is left of the load but what is open.
func (d *deploy) end() {
	d.t.Helper()
	d.load.end(d.t)
	process.Eventually(d.t, func() error {
		if p := d.pool(); p.InFlight != p.Tunnels || p.Tunnels != len(d.sockets) {
			return fmt.Errorf("%d in flight, %d tunnels, want %d tunnels", p.InFlight, p.Tunnels, len(d.sockets))
		}
		return nil
	})
}
