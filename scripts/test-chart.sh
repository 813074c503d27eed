#!/usr/bin/env bash
# Tests the chart: test-chart.sh [--static]
#
# First without a cluster (rendering, schemas, rights, examples), then an install, an upgrade and an
# uninstall on a real one, unless --static is said: on that of KUBECONFIG, or else on a test cluster of its
# own, `chart`, which is taken away again. The images handback and shop have to be there: make images.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/handback
# A program of this name: in the PATH, else among those of the test cluster, the newest.
program() {
  local found
  if command -v "$1"; then
    return
  fi
  # Only where programs are: beside them images come and go, of which a search would stumble.
  found=$({ ls -t "$cache"/programs-*/bin/"$1" 2>/dev/null || true; } | { grep -v '\.making/' || true; } | sed -n 1p)
  if [ -z "$found" ]; then
    echo "test-chart: $1 is missing: make cluster-up builds it, or install it" >&2
    return 1
  fi
  echo "$found"
}
HANDBACK_HELM=$(program helm)
HANDBACK_KUBECONFORM=$(program kubeconform)
HANDBACK_KUBECTL=$(program kubectl)
export HANDBACK_HELM HANDBACK_KUBECONFORM HANDBACK_KUBECTL

node --test tests/chart/chart.test.mjs tests/chart/rbac.test.mjs tests/chart/examples.test.mjs
[ "${1:-}" != --static ] || exit 0

if [ -n "${KUBECONFIG:-}" ]; then
  exec node --test tests/chart/install.test.mjs
fi
export HANDBACK_CLUSTER=chart
trap 'tests/cluster/down chart' EXIT
tests/cluster/up chart
tests/cluster/in node --test tests/chart/install.test.mjs
