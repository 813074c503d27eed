# Takes a cluster away, whatever state it is in, and nothing that is not its own. To be sourced after
# common.sh, process.sh and cgroups.sh. Safe to repeat: each step looks at what is there.
# shellcheck shell=bash disable=SC2154

teardown() {
  local program
  # First those who would start something again.
  for program in kubelet kube-proxy kube-scheduler kube-controller-manager coredns; do
    stop "$program"
  done
  # Nobody asks pods to end in order: their cluster is thrown away with them.
  await 20 killed pod_processes || die "processes of pods cannot be killed: $(pod_processes | tr '\n' ' ')"
  stop containerd
  await 20 killed shims || die "containerd's shims cannot be killed: $(shims | tr '\n' ' ')"
  remove_shim_sockets
  stop kube-apiserver
  stop etcd
  warn_of_guests
  remove_mounts
  remove_cgroups
  remove_files
}

# Kills what LIST prints, and succeeds when it prints nothing.
killed() { # LIST
  local pids
  mapfile -t pids < <("$1")
  [ "${#pids[@]}" = 0 ] || {
    kill -KILL "${pids[@]}" 2>/dev/null || true
    return 1
  }
}

# A shim is containerd's helper for a pod. It outlives containerd; our socket is one of its arguments.
shims() {
  local pid
  for pid in $(grep -lzxF -e "$socket" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3); do
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) != containerd-shim* ]] || echo "$pid"
  done
}

# Shims' sockets have a place of their own, the same for every containerd of the machine.
remove_shim_sockets() {
  local file address
  for file in "$dir"/containerd/state/io.containerd.runtime.v2.task/*/*/address; do
    [ -s "$file" ] || continue
    address=$(<"$file")
    [[ $address != unix:///run/containerd/s/* ]] || rm -f "${address#unix://}"
  done
  rmdir /run/containerd/s /run/containerd 2>/dev/null || true
}

# Whoever was started with `in` is not ours to end, but has lost its cluster.
warn_of_guests() {
  local place pid
  [ "$(stat -f -c %T "$netns" 2>/dev/null)" = nsfs ] || return 0
  for place in /proc/[0-9]*/ns/net; do
    if [ "$place" -ef "$netns" ]; then
      pid=$(cut -d/ -f3 <<<"$place")
      say "process $pid still runs in the network of $name: $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
    fi
  done
}

our_mounts() { awk -v below="$dir/" 'index($2, below) == 1 { print $2 }' /proc/mounts; }
remove_mounts() {
  local mounts
  # The deepest first; one place may be mounted upon twice.
  while mapfile -t mounts < <(our_mounts | sort -r) && [ "${#mounts[@]}" -gt 0 ]; do
    umount --lazy "${mounts[@]}"
  done
}

remove_files() {
  # CNI notes the networks of all pods of the machine here. Each note has the path of the pod's
  # network namespace, which for ours lies in our directory.
  { grep -rlsF "\"$dir/" /var/lib/cni/results || true; } | xargs -r rm -f
  rmdir /var/lib/cni/results /var/lib/cni /var/lib/kubelet 2>/dev/null || true
  # Should something be mounted there in spite of all, it is not ours to empty.
  rm -rf --one-file-system "$dir"
}
