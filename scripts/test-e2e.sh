#!/usr/bin/env bash
# Runs tests/e2e against the cluster of KUBECONFIG, where it installs the chart; HANDBACK_TEST_REGISTRY
# and HANDBACK_TEST_ADDRESS are explained in tests/e2e/fleet.rs. Without one it is the cluster of
# tests/cluster: one that is up is used and stays, else it is brought up for this and taken away again.
# Arguments go to the tests, for example a part of a name.
set -euo pipefail
cd "$(dirname "$0")/.."

# From inside the test cluster's network no registry is reached: everything is made first.
cargo test --locked --test e2e --no-run
tests/apps/boto3/start.sh http://127.0.0.1:9 </dev/null
HANDBACK_VERSITYGW=$(scripts/versitygw.sh)
export HANDBACK_VERSITYGW
# Mostly they wait for the cluster.
arguments=(--locked --offline --test e2e -- --test-threads=4 "$@")

if [ -n "${KUBECONFIG:-}" ]; then
  exec cargo test "${arguments[@]}"
fi
name=${HANDBACK_CLUSTER:-default}
if ! tests/cluster/in true 2>/dev/null; then
  trap 'tests/cluster/down "$name"' EXIT
fi
tests/cluster/up "$name"
tests/cluster/in cargo test "${arguments[@]}"
