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
