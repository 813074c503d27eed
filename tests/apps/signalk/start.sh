#!/usr/bin/env bash
# Signal K, a server for boats, with the chart plotter Freeboard at /@signalk/freeboard-sk/. Prints its
# address, then serves until SIGTERM or the end of standard input. Its user is "navigator", the password
# "a-plain-password".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../node.sh
. "$here/../node.sh"
SIGNALK_MODULES=$(modules_of signalk)
export SIGNALK_MODULES
exec node "$here/serve.cjs"
