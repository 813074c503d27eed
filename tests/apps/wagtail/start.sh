#!/usr/bin/env bash
# Wagtail, the content management system, with a page type of ours. Prints its address, then serves
# until SIGTERM or the end of standard input. Its editor is "editor", password "a-plain-password".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../python.sh
. "$here/../python.sh"
python=$(python_of wagtail)
exec "$python" "$here/serve.py"
