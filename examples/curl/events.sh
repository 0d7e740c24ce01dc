#!/bin/sh
# What happens in the house, as it happens; or in one call, to its end.  ./events.sh [CALL_ID]
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

if [ $# -gt 0 ]; then
  ask --no-buffer "$CALLBRIDGE_URL/v1/calls/$1/events"
else
  ask --no-buffer "$CALLBRIDGE_URL/v1/events"
fi
