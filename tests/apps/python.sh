# Sourced by the start scripts of Python applications: `python_of NAME` prints the interpreter of a
# virtual environment with exactly that application's requirements.txt. It is made once, below
# target/, and made anew when the pins change.

# A substitution would go on after what failed in it, and an installation that failed count as done.
shopt -s inherit_errexit

apps=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

python_of() {
  local name=$1 cache venv
  cache=${CARGO_TARGET_DIR:-$apps/../../target}/apps
  mkdir -p "$cache"
  venv=$cache/$name-$(sha256sum <"$apps/$name/requirements.txt" | cut -c1-12)
  # Two tests may start at once; one of them installs.
  exec 7>"$venv.lock"
  flock 7
  if [ ! -e "$venv/.complete" ]; then
    rm -rf "$venv"
    echo "$name: installing into $venv" >&2
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$apps/$name/requirements.txt" >&2
    touch "$venv/.complete"
  fi
  exec 7>&-
  echo "$venv/bin/python"
}
