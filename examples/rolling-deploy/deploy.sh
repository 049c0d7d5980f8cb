#!/bin/sh
# Deploys to all backends of a pool, one after the other, while the others serve:
# drains a backend, runs your command, and has the backend serve again. No
# request fails meanwhile.
#
#	deploy.sh <pool> <command> [<argument>...]
#
# The command gets two more arguments, the backend's id and its address. It has
# to return once the new version is running. If it fails, the deploy ends, and
# the backend stays out of service until somebody has looked.
#
#	ADMIN     the admin endpoint (localhost:2019)
#	DEADLINE  seconds that a backend has to finish what it does (30)
#	PATIENCE  seconds that it has to pass its health checks afterwards (60)
set -eu

pool=$1
shift
backends=http://${ADMIN:-localhost:2019}/load_balance/pools/$pool/backends

# api makes a request, and shows the answer if it is an error.
api() {
	answer=$(curl -sS --fail-with-body -H 'Content-Type: application/json' "$@") || {
		echo "curl $*: $answer" >&2
		exit 1
	}
}

# text takes the value of a field from the answer, and has looks for a piece.
text() { printf '%s\n' "$answer" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
has() { printf '%s\n' "$answer" | grep -qF "$1"; }

# drain has a backend finish what it does, and takes it out of service. The
# answer comes when that is over.
drain() {
	deadline=${DEADLINE:-30}
	api "$backends/$1/drain?wait=$((deadline + 30))s" -d "{\"deadline\": \"${deadline}s\", \"then\": \"maintenance\"}"
	has '"admin_state":"maintenance"' || {
		echo "$1 does not drain: it waits for $(text waiting_for)" >&2
		exit 1
	}
}

# ready has a backend serve, and waits until it does.
ready() {
	api -X PATCH "$backends/$1" -d '{"admin_state": "ready"}'
	left=${PATIENCE:-60}
	until has '"accepting":true'; do
		[ "$left" -gt 0 ] || {
			echo "$1 does not serve: $(text reason)" >&2
			exit 1
		}
		left=$((left - 1))
		sleep 1
		api "$backends/$1"
	done
}

api "$backends"
ids=$(printf '%s\n' "$answer" | tr ',' '\n' | sed -n 's/.*{"id":"\([^"]*\)".*/\1/p')
for id in $ids; do
	drain "$id"
	address=$(text address)
	"$@" "$id" "$address" || {
		echo "$id: $1 has failed; $id is in maintenance" >&2
		exit 1
	}
	ready "$id"
	echo "$id is deployed"
done
