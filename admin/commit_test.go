package admin

import (
	"errors"
	"testing"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// TestCommitGivesUp makes sure that a change does not try forever to be first.
func TestCommitGivesUp(t *testing.T) {
	tries := 0
	err := new(call).commit(func() error {
		tries++
		return &pool.Error{Code: pool.CodeStaleRevision}
	})
	if f := asFailure(err); f.status != 503 || f.Code != codeBusy || tries != maxAttempts {
		t.Errorf("got %+v after %d tries", f, tries)
	}
	other := errors.New("other")
	if err := new(call).commit(func() error { return other }); !errors.Is(err, other) {
		t.Errorf("got %v", err)
	}
}

// TestShowChangedThatIsGone shows a backend that another client has removed
// before the answer was made.
func TestShowChangedThatIsGone(t *testing.T) {
	s := newAPI(t, two())
	p, _ := s.registry.Lookup("web")
	ans := showChanged(p, pool.Spec{ID: "gone", Weight: 3, AdminState: pool.Ready}, 7)
	b, ok := ans.body.(backendJSON)
	if !ok || ans.revision != 7 || b.ID != "gone" || b.Weight != 3 || b.Accepting || b.Reason != "removed" {
		t.Errorf("got %+v", ans)
	}
}
