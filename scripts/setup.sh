#!/usr/bin/env bash
# Checks for every program that Handback needs to be built, run and tested. As root on Debian it
# installs what is missing; everywhere else it says what to install and fails: setup.sh [cluster]
#
# `cluster` adds what the tests need beside a browser: a Kubernetes on this machine, images, a mail server.
set -euo pipefail

NODE_MINIMUM=20.19
GO_MINIMUM=1.25

cluster=false
[ "${1:-}" != cluster ] || cluster=true

here() { command -v "$1" >/dev/null 2>&1; }

# Programs that Debian keeps out of the PATH count too.
chromium_is_here() {
  [ -x /usr/lib/chromium/chromium ] || here chromium || here google-chrome
}
xvnc_is_here() { here Xtigervnc || here Xvnc; }
fonts_are_here() {
  here fc-list && [ -n "$(fc-list :lang=en family 2>/dev/null | head -n 1)" ]
}
# The first argument is at least the second, as versions go.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
node_is_new_enough() { here node && at_least "$(node --version | tr -d v)" "$NODE_MINIMUM"; }

# What is missing, as Debian calls it, and in words.
packages=()
words=()
need() { # words, package...
  words+=("$1")
  shift
  packages+=("$@")
}

find_missing() {
  packages=()
  words=()
  chromium_is_here || need 'Chromium' chromium
  xvnc_is_here || need "TigerVNC's display server (Xtigervnc)" tigervnc-standalone-server
  here ffmpeg || need 'ffmpeg' ffmpeg
  fonts_are_here || need 'fonts' fontconfig fonts-liberation fonts-noto-core
  here cc || need 'a C compiler (cc)' gcc libc6-dev
  here make || need 'make' make
  # One application under test is Java, and Maven brings it.
  here mvn || need 'Maven, with Java 11 or later' maven
  # Two more and a client of ours are Python; Debian packs the module for environments apart.
  python3 -c 'import ensurepip, venv' 2>/dev/null || need 'Python 3.10 or later with venv' python3 python3-venv
  # Too old a Node is not replaced: somebody chose it.
  here node || need "Node.js $NODE_MINIMUM or later" nodejs npm
  here npm || ! here node || need 'npm' npm
  if $cluster; then
    find_missing_for_cluster
  fi
}

# With LMTP, which Debian packs apart.
dovecot_is_here() { [ -x /usr/lib/dovecot/lmtp ] || { ! [ -x /usr/sbin/dovecot ] && here dovecot; }; }

find_missing_for_cluster() {
  dovecot_is_here || need 'Dovecot with LMTP' dovecot-imapd dovecot-lmtpd
  here containerd || need 'containerd' containerd
  here runc || need 'runc' runc
  [ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || need "CNI's plugins" containernetworking-plugins
  here ip || need 'ip' iproute2
  here iptables || need 'iptables' iptables
  here conntrack || need 'conntrack' conntrack
  here ipset || need 'ipset' ipset
  here ethtool || need 'ethtool' ethtool
  here socat || need 'socat' socat
  here nsenter || need 'nsenter, unshare and findmnt' util-linux mount
  here curl || need 'curl' curl
  here openssl || need 'openssl' openssl
  here buildah || need 'buildah' buildah
  here skopeo || need 'skopeo' skopeo
  here debootstrap || need 'debootstrap' debootstrap
}

debian_as_root() {
  [ "$(id -u)" = 0 ] && here apt-get && [ -r /etc/os-release ] && grep -qx 'ID=debian' /etc/os-release
}

install() {
  local apt=(apt-get -y --no-install-recommends)
  export DEBIAN_FRONTEND=noninteractive
  echo "setup: installing ${packages[*]}" >&2
  # The package lists may be missing or old: one update, then again.
  without_services "${apt[@]}" install "${packages[@]}" >&2 && return
  "${apt[@]}" update >&2
  without_services "${apt[@]}" install "${packages[@]}" >&2
}

# Debian starts what it installs. Nobody who runs tests wants a mail server for the whole machine.
without_services() {
  local policy=/usr/sbin/policy-rc.d done=0
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  "$@" || done=$?
  rm -f "$policy"
  return "$done"
}

advise() {
  printf 'setup: missing: %s\n' "${words[@]}" >&2
  if here apt-get; then
    echo "setup: on Debian: sudo apt-get install ${packages[*]}" >&2
    echo "setup: on Ubuntu the package chromium is a stub; install Google Chrome or a Chromium package of your own" >&2
  elif here dnf; then
    echo 'setup: on Fedora: sudo dnf install chromium tigervnc-server ffmpeg-free google-noto-sans-fonts gcc make python3 nodejs npm maven' >&2
    ! $cluster || echo 'setup: and for the cluster: containerd runc containernetworking-plugins iptables conntrack-tools ipset ethtool socat buildah skopeo debootstrap golang dovecot' >&2
  elif here pacman; then
    echo 'setup: on Arch: sudo pacman -S --needed chromium tigervnc ffmpeg noto-fonts gcc make python3 nodejs npm maven' >&2
    ! $cluster || echo 'setup: and for the cluster: containerd runc cni-plugins iptables-nft conntrack-tools ipset ethtool socat buildah skopeo debootstrap go dovecot' >&2
  else
    echo 'setup: install them with your package manager, then try again' >&2
  fi
}

find_missing
if [ "${#packages[@]}" -gt 0 ] && debian_as_root; then
  install || echo 'setup: apt-get failed; its own words are above' >&2
  find_missing
fi

failed=false
if [ "${#packages[@]}" -gt 0 ]; then
  advise
  failed=true
fi
if here node && ! node_is_new_enough; then
  echo "setup: Node.js is $(node --version), but $NODE_MINIMUM or later is needed: https://nodejs.org/en/download" >&2
  failed=true
fi
if ! here cargo; then
  echo 'setup: Rust is missing: https://rustup.rs (rust-toolchain.toml names the version; rustup then fetches it by itself)' >&2
  failed=true
elif ! cargo fmt --version >/dev/null || ! cargo clippy --version >/dev/null; then
  echo 'setup: rustfmt or clippy is missing: rustup component add rustfmt clippy' >&2
  failed=true
fi
if $cluster && ! { here go && at_least "$(go env GOVERSION | tr -d go)" "$GO_MINIMUM"; }; then
  echo "setup: Go $GO_MINIMUM or later is missing: https://go.dev/dl" >&2
  failed=true
fi
if $failed; then
  exit 1
fi
