package metrics

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
)

// BenchmarkScrape is what Caddy's /metrics does.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{10, MaxDetailed, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			list := make([]*Backend, n)
			for i := range list {
				list[i] = newBackend(fmt.Sprintf("10.0.%d.%d:8080", i/256, i%256), n <= MaxDetailed)
				list[i].Classes.Count(Success)
				list[i].Probes.Count(Passed)
				if n <= MaxDetailed {
					list[i].Times.Head.Observe(time.Millisecond)
				}
			}
			p := newPool("web", list...)
			p.Times = new(SharedTimes)
			r := registryOf(b, pools{p})
			b.ReportAllocs()
			var size counted
			for b.Loop() {
				size = 0
				found, err := r.Gather()
				if err != nil {
					b.Fatal(err)
				}
				enc := expfmt.NewEncoder(&size, expfmt.NewFormat(expfmt.TypeTextPlain))
				for _, f := range found {
					if err := enc.Encode(f); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(size), "text-bytes")
		})
	}
}

// counted counts what is written.
type counted int

func (c *counted) Write(p []byte) (int, error) { *c += counted(len(p)); return len(p), nil }

var _ io.Writer = (*counted)(nil)
