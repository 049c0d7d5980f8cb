#!/bin/sh
# Adds backends to a pool when it is busy, and removes them when it is not.
#
#	autoscale.sh <pool> <start> <stop>
#
# <start> is a command that starts a server and prints its address. <stop> gets
# the address, and ends the server, which has no requests any more then. Only
# those backends are removed that were added here: they have a label.
#
#	ADMIN     the admin endpoint (localhost:2019)
#	MIN, MAX  how many backends there are at least and at most (2, 10)
#	HIGH      more requests in flight than this per backend: one is added (50)
#	LOW       fewer requests in flight than this per backend: one is removed (20)
#	DEADLINE  seconds that one to be removed has to finish what it does (30)
#	INTERVAL  seconds between two looks (10)
set -eu

url=http://${ADMIN:-localhost:2019}/load_balance/pools/$1
start=$2 stop=$3

# api makes a request, and shows the answer if it is an error.
api() {
	answer=$(curl -sS --fail-with-body -H 'Content-Type: application/json' "$@") || {
		echo "curl $*: $answer" >&2
		return 1
	}
}

# number takes a field of the pool from the answer.
number() { printf '%s\n' "${answer%%\"backends\":*}" | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }

# added lists the id and the address of the backends that were added here, and
# serve.
added() {
	printf '%s\n' "$answer" | awk -F '[{]"id":"' '{ for (i = 2; i <= NF; i++) print $i }' |
		grep '"scaled":"yes"' | grep '"accepting":true' |
		sed 's/^\([^"]*\)","address":"\([^"]*\)".*/\1 \2/'
}

grow() {
	address=$("$start") || return 1
	api "$url/backends" -d "{\"address\": \"$address\", \"labels\": {\"scaled\": \"yes\"}}" || {
		"$stop" "$address"
		return 1
	}
	echo "added $address"
}

shrink() {
	last=$(added | tail -n 1)
	[ -n "$last" ] || return 0
	id=${last% *} address=${last#* }
	api "$url/backends/$id/drain?wait=$((${DEADLINE:-30} + 10))s" \
		-d "{\"deadline\": \"${DEADLINE:-30}s\", \"then\": \"remove\"}" || return 1
	"$stop" "$address"
	echo "removed $address"
}

# What fails is tried again with the next look.
while :; do
	if api "$url"; then
		busy=$(number in_flight) serving=$(number accepting) total=$(number total)
		if [ "$(number queued)" -gt 0 ] || [ "$busy" -gt $((${HIGH:-50} * serving)) ]; then
			[ "$total" -ge "${MAX:-10}" ] || grow || echo "nothing was added" >&2
		elif [ "$busy" -lt $((${LOW:-20} * serving)) ]; then
			[ "$total" -le "${MIN:-2}" ] || shrink || echo "nothing was removed" >&2
		fi
	fi
	sleep "${INTERVAL:-10}"
done
