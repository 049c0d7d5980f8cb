package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// namespace is what the names of all metrics begin with.
const namespace = "caddy_load_balance"

// family is a metric with all its series.
type family struct {
	name   string
	kind   dto.MetricType
	labels []string // as in series: sorted
	desc   *prometheus.Desc
}

// families are all that there are.
var families []*family

// define makes a family. labels are separated by blanks, and sorted.
func define(kind dto.MetricType, name, labels, help string) *family {
	f := &family{name: prometheus.BuildFQName(namespace, "", name), kind: kind, labels: strings.Fields(labels)}
	f.desc = prometheus.NewDesc(f.name, help, f.labels, nil)
	families = append(families, f)
	return f
}

func counter(name, labels, help string) *family {
	return define(dto.MetricType_COUNTER, name, labels, help)
}

func gauge(name, labels, help string) *family {
	return define(dto.MetricType_GAUGE, name, labels, help)
}

func histogram(name, labels, help string) *family {
	return define(dto.MetricType_HISTOGRAM, name, labels, help)
}

// of backends
var (
	requestsTotal   = counter("requests_total", "backend code pool", "Attempts that ended, by the class of the response's status, or error, client_fault or local_fault if there was none.")
	requestDuration = histogram("request_duration_seconds", "backend pool", "Time from the beginning of an attempt until the response was passed on whole. Upgraded connections are not counted.")
	firstByte       = histogram("time_to_first_byte_seconds", "backend pool", "Time from the beginning of an attempt to the head of the response, without waiting for the client's body.")
	inFlight        = gauge("requests_in_flight", "backend pool", "Requests which the backend has now.")
	tunnels         = gauge("tunnels", "backend pool", "Upgraded connections which the backend has now.")
	failuresTotal   = counter("failures_total", "backend pool", "Attempts in which the backend could not be reached, misbehaved, or broke off its response.")
	ejectionsTotal  = counter("ejections_total", "backend pool", "How often the backend was taken out because its requests failed.")
	probesTotal     = counter("probes_total", "backend pool result", "Active health checks: passed, failed, or void if this machine lacked something.")
	changesTotal    = counter("state_changes_total", "backend pool", "How often the backend's state has changed.")
	backendUp       = gauge("backend_up", "backend pool", "Whether health checks have nothing against the backend.")
	backendAccepts  = gauge("backend_accepting", "backend pool", "Whether the backend takes new requests, as far as its state is concerned.")
	backendState    = gauge("backend_state", "backend pool state", "1 for the state that the backend is in: up, probing, down, ejected, draining, maintenance or waiting.")
	backendAdmin    = gauge("backend_admin_state", "backend pool state", "1 for what the operator wants of the backend: ready, drain or maintenance.")
	backendWeight   = gauge("backend_weight", "backend pool", "Configured weight of the backend.")
	backendShare    = gauge("backend_effective_weight", "backend pool", "Weight which the backend has now: less while it starts slowly.")
	backendMost     = gauge("backend_max_requests", "backend pool", "How many requests the backend may have now. There is no series without a limit.")
)

// of pools
var (
	poolBackends   = gauge("pool_backends", "pool", "Backends of the pool.")
	poolAccepting  = gauge("pool_backends_accepting", "pool", "Backends of the pool that take new requests.")
	poolRevision   = gauge("pool_revision", "pool", "Revision of the pool, which grows with every change of its backends.")
	retriesTotal   = counter("retries_total", "pool", "Attempts after the first one of a request.")
	retriesRefused = counter("retries_refused_total", "pool", "Requests that were not tried again because the retry budget was used up.")
	selectionFails = counter("selection_failures_total", "pool reason", "Selections that found no backend: none_accepting, all_full or queue_full.")
	queueLength    = gauge("queue_length", "pool", "Requests that wait for a backend now.")
	queueSize      = gauge("queue_size", "pool", "How many requests may wait for a backend; 0 without a queue.")
	queueRequests  = counter("queue_requests_total", "pool result", "Requests that have waited, by what became of them: served, timed_out or left; or refused, as the queue was full.")
	storageUp      = gauge("pool_storage_up", "pool", "Whether the storage of the pool's runtime changes works. There is no series if nothing is stored.")
	storageSync    = gauge("pool_storage_last_sync_timestamp_seconds", "pool", "When the storage was last read, which it is again and again.")
	instances      = gauge("pool_instances", "pool", "Instances of Caddy that share the pool's runtime changes, this one among them.")
	instancesSame  = gauge("pool_instances_current", "pool", "Those which have put in force what this one has.")
	queueWait      = histogram("queue_wait_seconds", "pool", "How long the requests that were served after waiting have waited.")
)
