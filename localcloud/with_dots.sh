#!/bin/sh
# with_dots.sh COMMAND…: runs it, with a dot every one and a half seconds, so that a wait is seen to be one.
began=$(date +%s)
(while sleep 1.5 > /dev/null 2>&1; do printf . >&2; done) &
dots=$!
"$@"
status=$?
kill "$dots"
[ $(($(date +%s) - began)) -lt 2 ] || echo >&2
exit "$status"
