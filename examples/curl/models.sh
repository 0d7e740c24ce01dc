#!/bin/sh
# Which models are there, and what can this machine hold?  ./models.sh
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

ask "$CALLBRIDGE_URL/v1/models"
ask "$CALLBRIDGE_URL/v1/machine"
