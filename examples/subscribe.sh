#!/bin/sh
# Follows a run of a Longhaul fleet by its event stream in Redis. Needs redis-cli.
#
#     subscribe.sh FLEET RUN [AFTER] [options of redis-cli, such as -h host or --tls]
#
# Each event is one line: its number, and the event as JSON. Keep the number of the last event that you
# dealt with, and begin after it the next time. A password is taken from REDISCLI_AUTH.
set -eu
[ $# -ge 2 ] || { echo "usage: subscribe.sh FLEET RUN [AFTER] [OPTION...]" >&2; exit 2; }
stream="longhaul:1:$1:{$2}:events"
shift 2
after=0
case "${1:-}" in [0-9]*) after=$1; shift ;; esac

# A position before the oldest event that is kept: some are gone. Whoever adds numbers up must look at
# `longhaul status` then.
oldest=$(redis-cli "$@" --raw XRANGE "$stream" - + COUNT 1 | head -n 1)
oldest=${oldest%%-*}
if [ "$after" -gt 0 ] && [ -n "$oldest" ] && [ "$after" -lt $((oldest - 1)) ]; then
    echo "events are missing here" >&2
fi

while :; do
    # Raw, an entry is three lines: its id, the word `event`, and the event. The key comes first.
    answer=$(redis-cli "$@" --raw XREAD COUNT 500 BLOCK 5000 STREAMS "$stream" "$after-0")
    [ -n "$answer" ] || continue
    lines=$(printf '%s\n' "$answer" | awk 'NR > 1 && (NR - 1) % 3 == 1 { sub(/-.*/, ""); number = $0 }
        NR > 1 && (NR - 1) % 3 == 0 { print number, $0 }')
    printf '%s\n' "$lines"
    after=$(printf '%s\n' "$lines" | awk 'END { print $1 }')
    # The run is over with one of these.
    case "$lines" in
    *'"kind":"run","state":"complete"'* | *'"kind":"run","state":"cancelled"'* | *'"kind":"run","state":"void"'*)
        exit 0 ;;
    esac
done
