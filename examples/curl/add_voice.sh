#!/bin/sh
# Make a voice of 10 to 20 s of a person's speech, who has agreed to it in writing: see docs/voices.md.
#   ./add_voice.sh ann ann.wav
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

ask --form "name=$1" --form "audio=@$2;type=audio/wav" --form language=en --form consent=true "$CALLBRIDGE_URL/v1/voices"
