# The files that the programs read at their start. To be sourced after common.sh.
# shellcheck shell=bash disable=SC2154

settings_up() {
  mkdir -p "$dir"/{run,log,log/pods,etc,etc/cni,etcd,kubelet,shadow/lib,shadow/log}

  # One line for each finished request: how API writes are counted.
  write audit.yaml <<YAML
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
YAML

  write cni/pods.conflist <<JSON
{
  "cniVersion": "1.0.0",
  "name": "$network",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isGateway": true,
      "hairpinMode": true,
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": "$dir/addresses",
        "ranges": [[{ "subnet": "$pods" }]],
        "routes": [{ "dst": "0.0.0.0/0" }]
      }
    },
    { "type": "portmap", "capabilities": { "portMappings": true } },
    { "type": "loopback" }
  ]
}
JSON

  write containerd.toml <<TOML
version = 2
root = "$dir/containerd/root"
state = "$dir/containerd/state"

[grpc]
  address = "$socket"

[plugins."io.containerd.internal.v1.opt"]
  path = "$dir/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$pause_image"
  # The kernel may keep CAP_SYS_RESOURCE from root, and then no score can be lowered.
  restrict_oom_score_adj = true
  # Pods' network namespaces lie with us, not in /run/netns.
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "$dir/runc"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$(cni_plugins)"
    conf_dir = "$dir/etc/cni"
TOML

  write kubelet.yaml <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
containerRuntimeEndpoint: unix://$socket
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
failCgroupV1: false
failSwapOn: false
clusterDNS: [$node_ip]
clusterDomain: cluster.local
resolvConf: $dir/etc/resolv.conf
podLogsDir: $dir/log/pods
volumePluginDir: $dir/kubelet/volume-plugins
maxPods: 200
# The disk is the machine's, and not ours to judge: neither pods nor images go because it is full.
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
# Changes are seen soon.
syncFrequency: 10s
nodeStatusUpdateFrequency: 4s
YAML

  # Pods have no way out, so there is nobody to ask for other names.
  write resolv.conf <<<'nameserver 127.0.0.1'

  write Corefile <<CONF
cluster.local:53 {
  ready 127.0.0.1:8181
  errors
  cache 5
  kubernetes cluster.local {
    kubeconfig $kubeconfig
    pods insecure
  }
}
CONF

  # The profile under which Chromium makes its own sandbox.
  mkdir -p "$dir/kubelet/seccomp/handback"
  cp "$repo/images/browser/seccomp.json" "$dir/kubelet/seccomp/handback/browser.json"
}

write() { # FILE, from standard input
  cat >"$dir/etc/$1"
}

cni_plugins() {
  local place
  for place in /usr/lib/cni /opt/cni/bin; do
    [ ! -x "$place/bridge" ] || {
      echo "$place"
      return
    }
  done
  die "CNI's plugins are missing; scripts/setup.sh cluster says how to get them"
}
