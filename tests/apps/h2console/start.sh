#!/usr/bin/env bash
# The console of H2, the database: a page of frames. Prints its address, then serves until SIGTERM or
# the end of standard input. Its database is "jdbc:h2:./choir", its user "editor" with the password
# "a-plain-password".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

VERSION=2.4.240
cache=${CARGO_TARGET_DIR:-$here/../../../target}/apps
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
jar=$cache/h2-$VERSION.jar
# Two tests may start at once; one of them installs.
exec 7>"$jar.lock"
flock 7
if [ ! -e "$jar" ]; then
  echo "h2console: installing $jar" >&2
  rm -rf "$cache/h2-$VERSION.making"
  mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy \
    "-Dartifact=com.h2database:h2:$VERSION" "-DoutputDirectory=$cache/h2-$VERSION.making" -Dmdep.useBaseVersion=true >&2
  mv "$cache/h2-$VERSION.making/h2-$VERSION.jar" "$jar"
  rm -r "$cache/h2-$VERSION.making"
fi
exec 7>&-

state=$(mktemp --directory --tmpdir handback-h2console-XXXXXX)
trap 'rm -rf "$state"' EXIT
java -cp "$jar" org.h2.tools.RunScript -url "jdbc:h2:$state/choir" -script "$here/members.sql" >&2

# What the console is told to do by this shell's input it cannot see, and it ends with this shell.
exec 8<&0
coproc CONSOLE {
  exec setpriv --pdeathsig KILL java -Dh2.bindAddress=127.0.0.1 -cp "$jar" org.h2.tools.Server \
    -web -webPort 0 -baseDir "$state" -properties "$state" </dev/null 2>&1
}
console=$CONSOLE_PID
trap 'kill "$console" 2>/dev/null || true' TERM INT
read -r line <&"${CONSOLE[0]}"
if ! [[ $line =~ http://localhost:([0-9]+) ]]; then
  echo "h2console: it says: $line" >&2
  exit 1
fi
echo "http://127.0.0.1:${BASH_REMATCH[1]}"
exec 1>&2
{
  cat <&8 >/dev/null
  kill "$console" 2>/dev/null || true
} &
# A signal ends the first wait early.
wait "$console" || true
wait "$console" 2>/dev/null || true
