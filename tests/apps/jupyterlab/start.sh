#!/usr/bin/env bash
# JupyterLab with an empty directory of notebooks. Prints its address, then serves until SIGTERM or
# the end of standard input. The password is "a-plain-password".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../python.sh
. "$here/../python.sh"
python=$(python_of jupyterlab)
exec "$python" "$here/serve.py"
