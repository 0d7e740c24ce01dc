#!/bin/sh
# Put the caller of a call that goes on through to a person, or hang up.  ./control.sh CALL_ID transfer|hangup
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

case $2 in
  transfer) ask --json '{"say": "One moment, please."}' "$CALLBRIDGE_URL/v1/calls/$1/transfer" ;;
  hangup) ask --json '{"say": "We are closing now. Goodbye."}' "$CALLBRIDGE_URL/v1/calls/$1/hangup" ;;
esac
