package persist

import (
	"fmt"
	"testing"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-loadbalance/caddy-loadbalance/pool"
)

// BenchmarkRound measures a look at the documents of a hundred pools, of which
// none has changed.
func BenchmarkRound(b *testing.B) {
	storage := &certmagic.FileStorage{Path: b.TempDir()}
	s, _ := newTestStore(b, storage)
	registry := pool.NewRegistry(nil)
	for i := range 100 {
		p, err := registry.Acquire(fmt.Sprintf("pool-%d", i))
		must(b, err)
		s.pools[p.Name()] = p
		document := fmt.Sprintf(`{"version":1,"pool":%q,"lineage":"0123456789abcdef","number":1,"at":"2026-01-02T03:04:05Z","by":"somebody","changes":[]}`, p.Name())
		must(b, storage.Store(b.Context(), documentKey(p.Name()), []byte(document)))
	}
	s.round(b.Context())
	if err := s.document("pool-1").failure(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.round(b.Context())
	}
}
