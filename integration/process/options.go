package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Options say what to run.
type Options struct {
	Binary string
	Home   string   // the working directory, and the parent of all that is stored
	Config string   // a Caddyfile
	JSON   bool     // the config is JSON instead
	Args   []string // of Caddy, in place of `run` with the config
	Env    []string // more of it

	// MaxFiles limits the descriptors that the process may have. 0: no limit
	// but the system's.
	MaxFiles int

	// KeepLog is how many bytes there are at least of the end of the log. 0:
	// 64 KiB.
	KeepLog int
}

// command returns what runs Caddy, which tells the address once it is serving.
func (o Options) command(ready string) (*exec.Cmd, error) {
	args := o.Args
	if args == nil {
		file, err := o.writeConfig()
		if err != nil {
			return nil, err
		}
		args = []string{"run", "--config", file}
		if !o.JSON {
			args = append(args, "--adapter", "caddyfile")
		}
	}
	args = append([]string{o.Binary}, append(args, "--pingback", ready)...)
	if o.MaxFiles > 0 {
		// a shell sets the soft limit and the hard one; Go raises the soft one
		args = append([]string{"/bin/sh", "-c", "ulimit -n " + strconv.Itoa(o.MaxFiles) + ` && exec "$@"`, "sh"}, args...)
	}
	cmd := Command(context.Background(), o.Home, args...)
	cmd.Env = append(cmd.Env, o.Env...)
	return cmd, nil
}

func (o Options) writeConfig() (file string, err error) {
	file = filepath.Join(o.Home, "Caddyfile")
	if o.JSON {
		file = filepath.Join(o.Home, "config.json")
	}
	return file, os.WriteFile(file, []byte(o.Config), 0o600)
}
