# The cluster's network namespace, with the node's address in it. To be sourced after common.sh.
#
# It is kept by a mount in our own directory: no name in /run/netns, where other clusters' tools look.
# shellcheck shell=bash disable=SC2154

network_up() {
  if [ "$(stat -f -c %T "$netns" 2>/dev/null)" != nsfs ]; then
    touch "$netns"
    unshare --net="$netns" true
  fi
  enter ip link set lo up
  # A bridge without members, since some kernels have no dummy links.
  enter ip link show node0 >/dev/null 2>&1 || enter ip link add node0 type bridge
  enter ip address replace "$node_ip/32" dev node0
  enter ip link set node0 up
  # Without any route the kernel refuses service addresses before NAT could change them.
  enter ip route replace default dev node0
  # A namespace's own setting; the machine's stays.
  enter sysctl -qw net.ipv4.ip_forward=1
}
