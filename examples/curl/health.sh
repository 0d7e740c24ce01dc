#!/bin/sh
# How is the bridge? No key is needed.  ./health.sh
set -eu
: "${CALLBRIDGE_URL:=http://127.0.0.1:8080}"

curl --silent --show-error --fail-with-body "$CALLBRIDGE_URL/health"
