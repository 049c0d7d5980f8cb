package persist

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// What is shown names the trouble, and nothing that the storage keeps to itself.
func TestShown(t *testing.T) {
	path := &fs.PathError{Op: "open", Path: "/secret", Err: syscall.EACCES}
	for _, test := range []struct {
		err  error
		want string
	}{
		{&opError{"loading", path}, "loading: permission denied"},
		{&opError{"storing", fmt.Errorf("failed to sync %q: %w", "/secret", syscall.EIO)}, "storing: input/output error"},
		{&opError{"locking", fmt.Errorf("dial secret.example: %w", context.DeadlineExceeded)}, "locking: it takes too long"},
		{&opError{"locking", errors.New("bad password secret")}, "locking: the storage has failed; the log says why"},
		{errors.New("secret"), "storing: the storage has failed; the log says why"},
		{fmt.Errorf("pool: %w", &pool.DocumentError{Reason: "EOF"}), "stored runtime changes: EOF"},
		{errLocked, errLocked.Error()},
		{&opError{"loading", tooLarge(1 << 30)}, "the document of runtime changes has 1073741824 bytes, more than the 33554432 that are possible"},
	} {
		if got := shown(test.err); got.Error() != test.want {
			t.Errorf("%q is shown as %q, want %q", test.err, got, test.want)
		}
	}
	if shown(nil) != nil {
		t.Error("there is something to show of nothing")
	}
}
