#!/usr/bin/env bash
# Runs tests/e2e against the cluster of KUBECONFIG. Without one it is the cluster of tests/cluster: one
# that is up is used and stays, else it is brought up for this and taken away again.
set -euo pipefail
cd "$(dirname "$0")/.."

# From inside the test cluster's network no registry is reached: everything is compiled first.
cargo test --locked --test e2e --no-run

if [ -n "${KUBECONFIG:-}" ]; then
  exec cargo test --locked --test e2e
fi
name=${HANDBACK_CLUSTER:-default}
if ! tests/cluster/in true 2>/dev/null; then
  trap 'tests/cluster/down "$name"' EXIT
fi
tests/cluster/up "$name"
tests/cluster/in cargo test --locked --offline --test e2e
