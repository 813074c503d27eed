#!/usr/bin/env bash
# Runs tests/e2e against the cluster of KUBECONFIG, where it installs the chart; HANDBACK_TEST_REGISTRY,
# HANDBACK_TEST_ADDRESS and HANDBACK_TEST_AUDIT are explained in tests/e2e/{fleet,audit}.rs. Without one it
# is the cluster of tests/cluster: one that is up is used and stays, else it is brought up for this and
# taken away again. Arguments go to the tests, for example a part of a name.
#
# After all of them, what the operator did in the test cluster is compared with what it may do: it must
# have used every right, and have wanted no other.
set -euo pipefail
cd "$(dirname "$0")/.."

name=
if [ -z "${KUBECONFIG:-}" ]; then
  name=${HANDBACK_CLUSTER:-default}
  if ! tests/cluster/in true 2>/dev/null; then
    trap 'tests/cluster/down "$name"' EXIT
  fi
  tests/cluster/up "$name"
fi

# From inside the test cluster's network no registry is reached: everything is made first.
cargo test --locked --test e2e --no-run
tests/apps/boto3/start.sh http://127.0.0.1:9 </dev/null
HANDBACK_VERSITYGW=$(scripts/versitygw.sh)
export HANDBACK_VERSITYGW
# Mostly they wait for the cluster. The first four names need the operator for themselves, one after the
# other, and the fifth goes on beside them.
arguments=(--locked --offline --test e2e -- --test-threads=5 "$@")

if [ -z "$name" ]; then
  cargo test "${arguments[@]}"
  echo 'test-e2e: rights are not compared with what was used: that needs the audit log of a test cluster'
  exit
fi
HANDBACK_TEST_AUDIT=/var/lib/handback-cluster/$name/log/audit.log
export HANDBACK_TEST_AUDIT
began=$(date -u +%FT%T.%NZ)
tests/cluster/in cargo test "${arguments[@]}"

if [ $# -gt 0 ]; then
  echo 'test-e2e: rights are not compared with what was used: these were not all tests'
  exit
fi
scratch=$(mktemp -d)
tests/cluster/in helm template handback charts/handback --namespace handback-system --kube-version 1.34.0 >"$scratch/chart.yaml"
failed=false
tests/cluster/in node scripts/rbac-used.mjs --since "$began" "$HANDBACK_TEST_AUDIT" "$scratch/chart.yaml" || failed=true
rm -r "$scratch"
! $failed
