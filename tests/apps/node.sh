# Sourced by the start scripts of Node applications: `modules_of NAME` prints the node_modules with
# exactly what that application's package-lock.json says. It is installed once, below target/, and anew
# when the lock changes. Nothing that packages want to run at their installation runs.

# A substitution would go on after what failed in it, and an installation that failed count as done.
shopt -s inherit_errexit

apps=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

modules_of() {
  local name=$1 cache place
  cache=${CARGO_TARGET_DIR:-$apps/../../target}/apps
  mkdir -p "$cache"
  place=$(cd "$cache" && pwd)/$name-$(sha256sum <"$apps/$name/package-lock.json" | cut -c1-12)
  # Two tests may start at once; one of them installs.
  exec 7>"$place.lock"
  flock 7
  if [ ! -e "$place/.complete" ]; then
    rm -rf "$place"
    mkdir "$place"
    cp "$apps/$name/package.json" "$apps/$name/package-lock.json" "$place"
    echo "$name: installing into $place" >&2
    (cd "$place" && npm ci --omit=optional --ignore-scripts --no-audit --no-fund) >&2
    touch "$place/.complete"
  fi
  exec 7>&-
  echo "$place/node_modules"
}
