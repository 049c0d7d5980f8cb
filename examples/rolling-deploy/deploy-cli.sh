#!/bin/sh
# What deploy.sh does, by Caddy's command line. It is called in the same way.
set -eu

pool=$1
shift

# lb is a command of the load balancer.
lb() { caddy load-balance "$@" --pool "$pool"; }

# what has an id and an address is a backend
ids=$(lb status --json | awk -F '[{]"id":"' '{ for (i = 2; i <= NF; i++) print $i }' |
	sed -n 's/^\([^"]*\)","address":.*/\1/p')
for id in $ids; do
	lb drain "$id" --deadline "${DEADLINE:-30}s" --then maintenance
	"$@" "$id" || {
		echo "$id: $1 has failed; $id is in maintenance" >&2
		exit 1
	}
	lb ready "$id" --wait "${PATIENCE:-60}s"
done
