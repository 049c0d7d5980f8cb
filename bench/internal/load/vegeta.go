package load

import (
	"context"
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// OpenLoop drives HTTP/1.1 at a fixed rate, whether answers come or not, as
// users do who do not wait for each other. A request that waits for one of the
// connections to become free has begun.
func OpenLoop(ctx context.Context, job Job) (Result, error) {
	attacker := vegeta.NewAttacker(
		vegeta.KeepAlive(true),
		vegeta.HTTP2(false),
		vegeta.TLSConfig(insecure()),
		vegeta.Connections(job.Connections),
		vegeta.MaxConnections(job.Connections),
		vegeta.Workers(uint64(job.Connections)),
		vegeta.MaxWorkers(20_000),
		vegeta.Timeout(10*time.Second),
	)
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()

	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: job.URL})
	pace := vegeta.Rate{Freq: job.Rate, Per: time.Second}
	var metrics vegeta.Metrics
	var failed int64
	for result := range attacker.Attack(targeter, pace, job.Duration, "") {
		metrics.Add(result)
		if result.Error != "" {
			failed++
		}
	}
	metrics.Close()
	return Result{
		Requests: int64(metrics.Requests),
		Errors:   failed,
		Elapsed:  metrics.Duration + metrics.Wait,
		Latency: Latency{
			P50:  metrics.Latencies.Quantile(0.5),
			P99:  metrics.Latencies.Quantile(0.99),
			P999: metrics.Latencies.Quantile(0.999),
		},
	}, ctx.Err()
}
