#!/bin/sh
# The latest calls, and all of one: transcript, and recording if there is one.  ./calls.sh [CALL_ID]
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

ask "$CALLBRIDGE_URL/v1/calls?limit=5"
if [ $# -gt 0 ]; then
  ask "$CALLBRIDGE_URL/v1/calls/$1/transcript.txt"
  ask --output "$1.wav" "$CALLBRIDGE_URL/v1/calls/$1/recording.wav" || cat "$1.wav"
fi
