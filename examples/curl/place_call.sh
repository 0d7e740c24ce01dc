#!/bin/sh
# Have a persona call somebody.  ./place_call.sh +12025550143 bakery
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

ask --json "{\"to\": \"$1\", \"persona\": \"$2\"}" "$CALLBRIDGE_URL/v1/calls"
