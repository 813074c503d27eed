# Names, paths and words that every script of the harness shares. To be sourced; $1 is the cluster's
# name, if it has one. Every script stops at the first thing that fails.
# shellcheck shell=bash
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
repo=$(cd "$here/../.." && pwd)

# A script that stops says where.
set -o errtrace
trap 'printf "cluster: failed: %s (%s:%s)\n" "$BASH_COMMAND" "${BASH_SOURCE[0]##*/}" "$LINENO" >&2' ERR

say() { printf 'cluster: %s\n' "$*" >&2; }
die() {
  say "$@"
  exit 1
}

name=${1:-${HANDBACK_CLUSTER:-default}}
# The name becomes part of paths, of a socket's path (107 bytes at most) and of a cgroup.
[[ $name =~ ^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$ ]] ||
  die "the cluster's name '$name' is not 1 to 20 small letters, digits and dashes"
# For the programs, so that one can see in /proc whose a process is.
export HANDBACK_CLUSTER=$name

# All that a cluster leaves in the file system lies in $dir, and all its processes but the programs
# themselves are in the cgroup $cgroup. Both names are its own.
clusters=/var/lib/handback-cluster
dir=$clusters/$name
cgroup=handback-cluster-$name
network=handback-cluster-$name # as CNI calls it
netns=$dir/netns
socket=$dir/containerd.sock
kubeconfig=$dir/kubeconfig

# What is slow to make and the same for all clusters.
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/handback

node=node1
# An address for documentation, never anybody's: the kubelet refuses loopback.
node_ip=192.0.2.10
pods=10.88.0.0/16
services=10.96.0.0/16
api_ip=10.96.0.1
pause_image=localhost/handback-pause:1

need_root() {
  [ "$(id -u)" = 0 ] || die "a cluster needs root (namespaces, cgroups, mounts): try it with sudo"
}

# Runs a command in the cluster's network.
enter() { nsenter --net="$netns" "$@"; }
# One cluster, as its administrator.
kubectl() { enter "$dir/bin/kubectl" --kubeconfig "$kubeconfig" "$@"; }
ctr() { command ctr --address "$socket" --namespace k8s.io "$@"; }

# Waits until a command succeeds: SECONDS COMMAND...
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# Takes the lock FILE until this script ends; descriptor 9. Whoever holds it may remove the file, so
# a lock counts only on the file that is there now. What we leave running must not inherit it.
lock() {
  mkdir -p "$(dirname "$1")"
  while :; do
    exec 9>>"$1"
    flock -n 9 || {
      say "waiting for another run of the harness ($1)"
      flock 9
    }
    [ "$1" -ef /proc/self/fd/9 ] && return
  done
}
