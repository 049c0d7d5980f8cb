package caddyfile

// repeatable subdirectives add to what the same one before has set. All others
// may come once in a block.
var repeatable = map[string]bool{
	"to":               true,
	"backend":          true,
	"label":            true,
	"allow_backends":   true,
	"lb_retry_match":   true,
	"unhealthy_status": true,
	"trusted_proxies":  true,
	"header_up":        true,
	"header_down":      true,
	"upgrades":         true,
}

// exclusive has the subdirectives that contradict each other, whichever comes
// first.
var exclusive = pairs(
	[2]string{"health_uri", "health_path"},
	[2]string{"health_port", "health_upstream"},
	[2]string{"forward_proxy_url", "network_proxy"},
	[2]string{"tls_trust_pool", "tls_trusted_ca_certs"},
)

func pairs(list ...[2]string) map[string][]string {
	both := make(map[string][]string)
	for _, p := range list {
		both[p[0]] = append(both[p[0]], p[1])
		both[p[1]] = append(both[p[1]], p[0])
	}
	return both
}
