#!/bin/sh
# A recording in, the answer out; its transcript is the header X-Transcript.  ./speech.sh dental ../question.wav answer.wav
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

ask --form "audio=@$2;type=audio/wav" --form "persona=$1" --form seed=42 --dump-header - --output "$3" \
  "$CALLBRIDGE_URL/v1/audio/speech"
