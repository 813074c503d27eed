#!/usr/bin/env bash
# A client of S3 that is not ours: runs client.py with boto3, in a virtual environment that is made
# once. `start.sh ENDPOINT CA` reads commands from standard input and answers on standard output.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../python.sh
. "$here/../python.sh"
python=$(python_of boto3)
exec "$python" "$here/client.py" "$@"
