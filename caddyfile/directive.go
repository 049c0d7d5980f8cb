package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-loadbalance/caddy-loadbalance/config"
)

// subdirectives are those of the directive's own block.
var subdirectives = merge(backendsTable, balancingTable, healthTable, passiveTable,
	streamingTable, clientTable, headersTable, transportTable, persistTable, unsupportedTable)

// Parse reads the directive from h, whose matcher token, if any, has been
// taken off already. On top of [Unmarshal] it refuses a second definition of a
// pool's name within the Caddyfile.
func Parse(h httpcaddyfile.Helper) (*config.Handler, error) {
	p, err := parse(h.Dispenser)
	if err != nil {
		return nil, err
	}
	if err := p.claimPool(h.State); err != nil {
		return nil, err
	}
	return p.cfg, nil
}

// Unmarshal reads the directive from its tokens:
//
//	load_balance [<backends...>] {
//		# backends
//		to            <backends...>
//		backend       <backend> {
//			id            <id>
//			weight        <n>
//			priority      <n>
//			max_requests  <n>
//			label         <key> <value>
//			health_*      ...
//		}
//		dynamic         <source> [<options...>]
//		pool            <name>
//		allow_backends  [private_ranges] <ranges...>
//		persist         on|off
//
//		# selection and retries
//		lb_policy        <name> [<options...>]
//		lb_retries       <n>
//		lb_try_duration  <duration>
//		lb_try_interval  <interval>
//		lb_retry_match   <matcher>
//		retry_budget     <percent> [<min_concurrent>]|off
//		queue            <size> <timeout>
//		all_down         fail|ignore_health
//		bounded_load     <factor>
//		slow_start       <duration>
//		sticky           client_ip
//		sticky           cookie [<name> [<secret>]] {
//			max_age    <duration>
//			path       <path>
//			domain     <domain>
//			same_site  lax|strict|none
//		}
//
//		# active health checks
//		health_uri               <uri>
//		health_upstream          <host:port>
//		health_port              <port>
//		health_scheme            http|https
//		health_host              <host>
//		health_sni               <name>
//		health_interval          <interval>|off
//		health_timeout           <duration>
//		health_passes            <n>
//		health_fails             <n>
//		health_method            <method>
//		health_request_body      <text>
//		health_follow_redirects  [on|off]
//		health_status            <codes...>
//		health_body              <regexp>
//		health_max_size          <size>
//		health_headers {
//			<field> [<values...>]
//		}
//		health_initial           up|down
//
//		# passive health checks
//		fail_duration            <duration>
//		max_fails                <n>
//		fail_ratio               <ratio> <min_requests>
//		eject_time               <base> [<max>]
//		max_ejected              <percent>
//		unhealthy_status         <codes...>
//		unhealthy_latency        <duration>
//		unhealthy_request_count  <n>
//
//		# bodies and upgraded connections
//		flush_interval      <duration>|-1
//		request_buffers     <size>|unlimited
//		response_buffers    <size>|unlimited
//		stream_buffer_size  <size>
//		stream_timeout      <duration>
//		stream_close_delay  <duration>
//		upgrades            <protocols...>
//		proxy_status_name   <name>
//		verbose_logs
//
//		# slow clients
//		client_body_timeout  <duration>|off [<min_rate>]
//		send_timeout         <duration>|off [<min_rate>]
//
//		# headers and the request line
//		trusted_proxies  [private_ranges] <ranges...>
//		header_up        [+|-]<field> [<value|regexp> [<replacement>]]
//		header_down      [+|-]<field> [<value|regexp> [<replacement>]]
//		method           <method>
//		rewrite          <uri>
//
//		# connections
//		transport http {
//			...
//		}
//	}
func Unmarshal(d *caddyfile.Dispenser) (*config.Handler, error) {
	p, err := parse(d)
	if err != nil {
		return nil, err
	}
	return p.cfg, nil
}

func parse(d *caddyfile.Dispenser) (*parser, error) {
	d.Next() // the directive's name
	p := newParser(d)
	for d.NextArg() {
		if err := p.addBackends(d.Val()); err != nil {
			return nil, err
		}
	}
	if err := p.block(subdirectives); err != nil {
		return nil, err
	}
	if d.Next() {
		return nil, d.Errf("unexpected token %q", d.Val())
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p, nil
}
