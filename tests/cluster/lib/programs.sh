# Kubernetes' programs and the others, built from their Go modules and kept in the user's cache. To be
# sourced after common.sh; sets $programs, the directory they are in.
# shellcheck shell=bash disable=SC2154

modules=(
  k8s.io/kubernetes/cmd/kube-apiserver
  k8s.io/kubernetes/cmd/kube-controller-manager
  k8s.io/kubernetes/cmd/kube-scheduler
  k8s.io/kubernetes/cmd/kubelet
  k8s.io/kubernetes/cmd/kube-proxy
  k8s.io/kubernetes/cmd/kubectl
  go.etcd.io/etcd/server/v3
  helm.sh/helm/v3/cmd/helm
  github.com/versity/versitygw/cmd/versitygw
  github.com/yannh/kubeconform/cmd/kubeconform
  ./coredns
  ./pause
)

# The name tells all that the programs are made of.
programs_key() {
  (cd "$here" && cat go.sum go.mod coredns/main.go pause/main.go lib/programs.sh) | sha256sum | cut -c1-12
}
programs=$cache/programs-$(programs_key)

# Makes the programs unless they are there. Two who come at once: the second waits for the first.
ensure_programs() {
  # The directory gets its name when it is complete.
  [ -d "$programs" ] && return
  # In a subshell, so that the lock ends with it.
  (
    lock "$cache/programs.lock"
    [ -d "$programs" ] || build_programs
  )
  [ -d "$programs" ]
}

build_programs() {
  local staging=$programs.making log=$cache/programs.log
  command -v go >/dev/null || die "Go is missing; scripts/setup.sh cluster says which"
  rm -rf "$staging"
  mkdir -p "$staging/bin"
  say "building Kubernetes' programs, once: 8 minutes and 4 GB of caches on two cores; Go's own words are in $log"
  with_news "$log" compile "$staging/bin"
  # Its module is called server.
  mv "$staging/bin/server" "$staging/bin/etcd"
  pause_archive "$staging/bin/pause" "$staging/pause.tar"
  mv -T "$staging" "$programs"
  say "the programs are built: $(du -sm "$programs" | cut -f1) MB in $programs"
}

compile() { # DIRECTORY
  local version major minor flags package
  cd "$here" || return
  version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' go.mod)
  IFS=. read -r major minor _ <<<"${version#v}"
  # Without these the API server calls itself v0.0.0, and clients take it for an ancient one.
  flags='-s -w'
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  done
  CGO_ENABLED=0 go build -v -trimpath -mod=readonly -ldflags "$flags" -o "$1/" "${modules[@]}"
}

# Runs something long that writes a line for each step into LOG, and says every half minute how far
# it is: LOG COMMAND...
with_news() {
  local log=$1 ticker failed=false
  shift
  : >"$log"
  news "$log" "$BASHPID" &
  ticker=$!
  # In the foreground, or Ctrl-C would not reach it.
  "$@" >"$log" 2>&1 || failed=true
  kill "$ticker" 2>/dev/null || true
  if $failed; then
    tail -n 20 "$log" >&2
    die "building failed; everything Go said is in $log"
  fi
}

news() { # LOG PARENT
  local seconds=0
  # It ends with its parent, however that ends.
  while sleep 1 && kill -0 "$2" 2>/dev/null; do
    seconds=$((seconds + 1))
    [ $((seconds % 30)) -ne 0 ] ||
      say "... $((seconds / 60)) min $((seconds % 60)) s, $(wc -l <"$1") packages compiled"
  done
}

# A pod's first container as an image: one static program, so a layer, a configuration and a list of
# both are quickly written by hand: PROGRAM ARCHIVE
pause_archive() {
  local work layer
  work=$(mktemp -d)
  tar -C "$(dirname "$1")" --owner=0 --group=0 --mtime=@0 -cf "$work/layer.tar" "$(basename "$1")"
  layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  cat >"$work/config.json" <<JSON
{
  "architecture": "$(go env GOARCH)",
  "os": "linux",
  "config": { "Entrypoint": ["/pause"], "User": "65535:65535" },
  "rootfs": { "type": "layers", "diff_ids": ["sha256:$layer"] }
}
JSON
  cat >"$work/manifest.json" <<JSON
[{ "Config": "config.json", "RepoTags": ["$pause_image"], "Layers": ["layer.tar"] }]
JSON
  tar -C "$work" -cf "$2" manifest.json config.json layer.tar
  rm -r "$work"
}
