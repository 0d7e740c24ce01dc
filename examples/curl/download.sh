#!/bin/sh
# Download a model, with progress; it goes on where it stopped.  ./download.sh personaplex-7b-v1
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

ask --no-buffer --request POST --header "Accept: text/event-stream" "$CALLBRIDGE_URL/v1/models/$1/download"
