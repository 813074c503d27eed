# Image archives into the node's containerd. To be sourced after common.sh.
# shellcheck shell=bash disable=SC2154

archives=$repo/target/images

# The digest under which an OCI archive's image is known.
digest_of() { # ARCHIVE
  tar -xOf "$1" index.json | grep -om1 'sha256:[0-9a-f]*' | head -n 1
}

import_image() { # ARCHIVE
  ctr images import "$1" >/dev/null || die "containerd refuses $1"
}

# What `make images` has made, unless the node has it. Gigabytes: it takes a while.
import_built_images() {
  local archive known
  known=$(ctr images ls)
  for archive in "$archives"/*.tar; do
    [ -s "$archive" ] || continue
    [[ $known == *"$(digest_of "$archive")"* ]] || {
      say "loading $(basename "$archive") into $name"
      import_image "$archive"
    }
  done
}

# --- Unpacked once ---------------------------------------------------------------------------------
#
# Unpacking is most of what `up` takes, so it is done when images are made: a containerd's root with all
# of them in it, of which each new cluster has the files by hard links. What containerd keeps is never
# written again, but for its databases.

# Where the root is for the images that there are now.
unpacked_root() {
  local archive key
  key=$(for archive in "$archives"/*.tar; do
    [ ! -s "$archive" ] || digest_of "$archive"
  done | sha256sum | cut -c1-16)
  echo "$cache/images/unpacked-$key"
}

# Called with the lock of the images.
unpack_images() {
  local root archive scratch daemon
  root=$(unpacked_root)
  [ ! -d "$root" ] || return 0
  say "unpacking the images, once for all clusters"
  rm -rf --one-file-system "$cache"/images/unpacked-*
  # A socket's path is short.
  scratch=$(mktemp -d)
  cat >"$scratch/containerd.toml" <<TOML
version = 2
root = "$root.making"
state = "$scratch/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]

[grpc]
  address = "$scratch/sock"

[plugins."io.containerd.internal.v1.opt"]
  path = "$scratch/opt"
TOML
  containerd --config "$scratch/containerd.toml" >"$cache/images/unpack.log" 2>&1 9>&- &
  daemon=$!
  # shellcheck disable=SC2064 # as they are now
  trap "kill $daemon; rm -rf --one-file-system '$scratch'" EXIT
  local socket=$scratch/sock
  await 30 command ctr --address "$socket" version || die "no containerd; its words are in $cache/images/unpack.log"
  for archive in "$archives"/*.tar; do
    [ ! -s "$archive" ] || import_image "$archive"
  done
  kill "$daemon"
  wait "$daemon" || true
  rm -rf --one-file-system "$scratch"
  trap - EXIT
  mv "$root.making" "$root"
}

# The root of a containerd that has not been started yet. Without what was unpacked, `up` loads the archives.
# In a subshell, so that the lock ends with it: new images take the root away.
seed_images() (
  [ ! -d "$dir/containerd/root" ] || return 0
  lock "$cache/images/lock"
  root=$(unpacked_root)
  new=$dir/containerd/root.new
  [ -d "$root" ] || return 0
  mkdir -p "$dir/containerd"
  rm -rf "$new"
  # Links end at a file system's border.
  cp -al "$root" "$new" 2>/dev/null || { rm -rf "$new" && cp -a "$root" "$new"; }
  (cd "$root" && find . -name '*.db') | while IFS= read -r database; do
    cp --remove-destination "$root/$database" "$new/$database"
  done
  mv "$new" "$dir/containerd/root"
)
