# The cluster's cgroup, below which the kubelet makes those of pods. To be sourced after common.sh.
# shellcheck shell=bash disable=SC2154

# Each hierarchy's root: one for all controllers (version 2), or one for each (version 1).
hierarchies() {
  local root
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    echo /sys/fs/cgroup
    return
  fi
  for root in /sys/fs/cgroup/*/; do
    # Beside version 1 there may be an empty version 2.
    [ ! -e "$root/cgroup.procs" ] || [ -e "$root/cgroup.controllers" ] || realpath "$root"
  done | sort -u
}

# The kubelet wants its root to be there in all of them.
cgroups_up() {
  local root
  for root in $(hierarchies); do
    mkdir -p "$root/$cgroup"
  done
}

# What is there of ours, in any hierarchy.
our_cgroups() {
  local root
  for root in /sys/fs/cgroup/"$cgroup" /sys/fs/cgroup/*/"$cgroup"; do
    # Some hierarchies are reached by two names.
    [ ! -d "$root" ] || realpath "$root"
  done | sort -u
}

# Processes below our cgroup: all of them belong to pods.
pod_processes() {
  local roots
  mapfile -t roots < <(our_cgroups)
  [ "${#roots[@]}" = 0 ] || find "${roots[@]}" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u
}

remove_cgroups() {
  await 10 no_cgroups || die "cgroups cannot be removed: $(our_cgroups | tr '\n' ' ')"
}
no_cgroups() {
  local roots
  mapfile -t roots < <(our_cgroups)
  [ "${#roots[@]}" = 0 ] || {
    # It goes once the last process below it is reaped.
    find "${roots[@]}" -depth -type d -exec rmdir {} +
    return 1
  }
}
