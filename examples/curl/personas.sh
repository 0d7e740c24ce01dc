#!/bin/sh
# List, check, write, change and delete a persona.  ./personas.sh example-bakery
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}" "${CALLBRIDGE_KEY:=}"
# The key goes in by standard input: what stands on a command line can be read by everybody on the machine.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$CALLBRIDGE_KEY" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

name=${1:-example-bakery}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

ask "$CALLBRIDGE_URL/v1/personas"
ask "$CALLBRIDGE_URL/v1/personas/template?name=$name" > "$work/persona.yaml"

# A new one is written where there is none of that name. The header ETag says which version there is now.
etag() { sed -n 's/^[Ee][Tt][Aa][Gg]: *//p' "$work/headers" | tr -d '\r'; }
ask --request PUT --header "If-None-Match: *" --header "Content-Type: text/yaml" --data-binary "@$work/persona.yaml" \
  "$CALLBRIDGE_URL/v1/personas/$name"
ask --dump-header "$work/headers" --output /dev/null "$CALLBRIDGE_URL/v1/personas/$name"

echo "# Changed over the API." >> "$work/persona.yaml"
ask --request PUT --header "If-Match: $(etag)" --header "Content-Type: text/yaml" --data-binary "@$work/persona.yaml" \
  "$CALLBRIDGE_URL/v1/personas/$name"

ask --dump-header "$work/headers" --output /dev/null "$CALLBRIDGE_URL/v1/personas/$name"
ask --request DELETE --header "If-Match: $(etag)" "$CALLBRIDGE_URL/v1/personas/$name"
