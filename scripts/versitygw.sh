#!/usr/bin/env bash
# Prints where the S3 server of the tests is: HANDBACK_VERSITYGW if that is set, else in the PATH, else
# where the test cluster's programs are built. It never goes without.
set -euo pipefail

if [ -n "${HANDBACK_VERSITYGW:-}" ]; then
  echo "$HANDBACK_VERSITYGW"
  exit
fi
if command -v versitygw; then
  exit
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/handback
# The newest, if there are several. Only where programs are: beside them images come and go, of which a
# search would stumble. What is not there at all is told below.
found=$({ ls -t "$cache"/programs-*/versitygw "$cache"/programs-*/bin/versitygw 2>/dev/null || true; } |
  { grep -v '\.making/' || true; } | sed -n 1p)
if [ -z "$found" ]; then
  echo "versitygw is missing, an S3 server for the tests: \`make cluster-up\` builds it, or \`go install github.com/versity/versitygw/cmd/versitygw@v1.8.0\`" >&2
  exit 1
fi
echo "$found"
