#!/bin/sh
# What does the topic gate of a persona make of some words?  ./gate.sh dental "Take two ibuprofen."
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

# The words are put into JSON by jq where there is one; without it they must hold no quotes and no backslash.
if command -v jq > /dev/null; then
  body=$(jq --null-input --arg persona "$1" --arg text "$2" '{persona: $persona, text: $text, speaker: "agent"}')
else
  body="{\"persona\": \"$1\", \"text\": \"$2\", \"speaker\": \"agent\"}"
fi
ask --json "$body" "$CALLBRIDGE_URL/v1/gate/try"
