# Programs that run on after us, and how they are found again. To be sourced after common.sh.
#
# A program is known by its file in $dir/run: process id, start time in ticks since the boot, id of
# the boot, and what it was started as. A process that has the id today is the program only if it
# also began at that moment of that boot, so nobody else's process is ever taken for ours.
# shellcheck shell=bash disable=SC2154

boot_id() { cat /proc/sys/kernel/random/boot_id; }

# When the process began, or nothing if there is none or only its remains wait for their parent.
began() { # PID
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # The name, the second field, may hold anything; the last parenthesis closes it.
  read -ra stat <<<"${stat##*) }"
  [ "${stat[0]}" != Z ] && [ "${stat[0]}" != X ] && echo "${stat[19]}"
}

# Prints the id of the program's process if it lives.
pid_of() { # NAME
  local pid since boot
  read -r pid since boot _ 2>/dev/null <"$dir/run/$1" || return 1
  [ "$boot" = "$(boot_id)" ] && [ "$(began "$pid")" = "$since" ] && echo "$pid"
}

dead() { ! pid_of "$1" >/dev/null; }

# Whether the program lives as we would start it now, in the network that is the cluster's now.
current() { # NAME FINGERPRINT
  local pid fingerprint
  pid=$(pid_of "$1") || return 1
  read -r _ _ _ fingerprint <"$dir/run/$1"
  [ "$fingerprint" = "$2" ] && [ "/proc/$pid/ns/net" -ef "$netns" ]
}

# Starts a program unless it runs already. FILES are what it reads at its start: with others, or with
# other arguments, it is started anew.
start() { # NAME [FILES...] -- COMMAND...
  local program=$1 files=() fingerprint
  shift
  while [ "$1" != -- ]; do
    files+=("$1")
    shift
  done
  shift
  fingerprint=$({ printf '%s\n' "$@"; cat /dev/null "${files[@]}"; } | sha256sum | cut -c1-16)
  current "$program" "$fingerprint" && return
  if [ -e "$dir/run/$program" ]; then
    say "$program $(dead "$program" && echo 'has died' || echo 'is not as it should be'): starting it again"
    stop "$program"
  fi
  launched[$program]=1
  (
    # Written by the process itself before it becomes the program: whatever happens to us, it is known.
    pid=$BASHPID
    echo "$pid $(began "$pid") $(boot_id) $fingerprint" >"$dir/run/$program"
    exec setsid nsenter --net="$netns" "$@" </dev/null >>"$dir/log/$program.log" 2>&1 9>&-
  ) &
  await 10 test -s "$dir/run/$program" || die "$program could not be started"
}
# The programs that this run has started.
declare -A launched=()

# Ends a program, and waits until it has. A file without its process just goes.
stop() { # NAME
  local pid
  if pid=$(pid_of "$1"); then
    kill "$pid" 2>/dev/null || true
    # One that was stopped with a signal takes no other but these.
    kill -CONT "$pid" 2>/dev/null || true
    if ! await 5 dead "$1"; then
      kill -KILL "$pid" 2>/dev/null || true
      await 10 dead "$1" || die "$1 (process $pid) cannot be killed"
    fi
  fi
  rm -f "$dir/run/$1"
}

# Waits until `healthy_NAME` says so. A program that has run before and does not answer is started
# once more by `run_NAME`.
ensure() { # NAME SECONDS
  if [ -z "${launched[$1]:-}" ]; then
    # It may be busy, or wait for one that was started again just now.
    await_answer "$1" 20 && return
    say "$1 does not answer: starting it again"
    stop "$1"
    "run_${1//-/_}"
  fi
  await_answer "$1" "$2" && return
  say "$1 did not come up; the end of $dir/log/$1.log:"
  tail -n 15 "$dir/log/$1.log" >&2
  return 1
}

await_answer() { # NAME SECONDS
  local deadline=$((SECONDS + $2))
  until "healthy_${1//-/_}" >/dev/null 2>&1; do
    dead "$1" && return 1
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}
