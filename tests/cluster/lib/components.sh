# What a cluster consists of: how each program is started, and when it is well. To be sourced after
# process.sh, programs.sh, pki.sh and settings.sh.
# shellcheck shell=bash disable=SC2154

etc=$dir/etc
bin=$programs/bin

answers() { enter curl -fsSk -m 3 -o /dev/null "$1"; }

run_etcd() {
  # A cluster for tests may forget everything when the machine goes down.
  start etcd -- "$bin/etcd" --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380
}
healthy_etcd() { answers http://127.0.0.1:2379/health; }

run_containerd() {
  # iptables takes its lock with us, not in /run.
  start containerd "$etc/containerd.toml" -- \
    env XTABLES_LOCKFILE="$dir/xtables.lock" containerd --config "$etc/containerd.toml"
}
healthy_containerd() { timeout 3 ctr --address "$socket" version; }

# What was asked is counted over hours: its log is not changed for another in the middle.
run_kube_apiserver() {
  start kube-apiserver "$etc/audit.yaml" -- "$bin/kube-apiserver" \
    --etcd-servers=http://127.0.0.1:2379 \
    --advertise-address="$node_ip" --bind-address=0.0.0.0 --secure-port=6443 \
    --service-cluster-ip-range="$services" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --client-ca-file="$pki/ca.crt" \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
    --kubelet-client-certificate="$pki/apiserver-to-kubelet.crt" \
    --kubelet-client-key="$pki/apiserver-to-kubelet.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$pki/tokens.pub" --service-account-signing-key-file="$pki/tokens.key" \
    --requestheader-client-ca-file="$pki/front-proxy-ca.crt" \
    --requestheader-allowed-names=front-proxy \
    --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --requestheader-group-headers=X-Remote-Group --requestheader-username-headers=X-Remote-User \
    --proxy-client-cert-file="$pki/front-proxy.crt" --proxy-client-key-file="$pki/front-proxy.key" \
    --audit-policy-file="$etc/audit.yaml" --audit-log-path="$dir/log/audit.log" \
    --audit-log-maxsize=4096 --audit-log-maxbackup=1
}
healthy_kube_apiserver() { kubectl --request-timeout=3s get --raw /readyz; }

run_kube_controller_manager() {
  start kube-controller-manager -- "$bin/kube-controller-manager" \
    --kubeconfig="$pki/controller-manager.conf" \
    --authentication-kubeconfig="$pki/controller-manager.conf" \
    --authorization-kubeconfig="$pki/controller-manager.conf" \
    --root-ca-file="$pki/ca.crt" --service-account-private-key-file="$pki/tokens.key" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --flex-volume-plugin-dir="$dir/kubelet/volume-plugins" \
    --use-service-account-credentials=true --allocate-node-cidrs=false --leader-elect=false
}
healthy_kube_controller_manager() { answers https://127.0.0.1:10257/healthz; }

run_kube_scheduler() {
  start kube-scheduler -- "$bin/kube-scheduler" --kubeconfig="$pki/scheduler.conf" \
    --authentication-kubeconfig="$pki/scheduler.conf" \
    --authorization-kubeconfig="$pki/scheduler.conf" --leader-elect=false
}
healthy_kube_scheduler() { answers https://127.0.0.1:10259/healthz; }

run_kubelet() {
  start kubelet "$etc/kubelet.yaml" -- "$here/lib/kubelet" "$dir" "$bin/kubelet" \
    --config="$etc/kubelet.yaml" --kubeconfig="$pki/kubelet.conf" --root-dir="$dir/kubelet" \
    --hostname-override="$node" --node-ip="$node_ip"
}
healthy_kubelet() { answers http://127.0.0.1:10248/healthz; }

run_kube_proxy() {
  # The limits of connection tracking are the machine's and cannot be written in a namespace: 0
  # leaves them alone.
  start kube-proxy -- env XTABLES_LOCKFILE="$dir/xtables.lock" "$bin/kube-proxy" \
    --kubeconfig="$pki/proxy.conf" --hostname-override="$node" \
    --proxy-mode=iptables --cluster-cidr="$pods" \
    --conntrack-max-per-core=0 --conntrack-min=0 \
    --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
}
healthy_kube_proxy() { answers http://127.0.0.1:10256/healthz; }

run_coredns() {
  # Beside the others and not as a pod: the node's address, port 53.
  start coredns "$etc/Corefile" -- "$bin/coredns" -conf "$etc/Corefile"
}
healthy_coredns() { answers http://127.0.0.1:8181/ready; }

node_ready() {
  [ "$(kubectl --request-timeout=3s get node "$node" \
    -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}
# Without it no pod is admitted to the namespace `default`.
default_account() { kubectl --request-timeout=3s get serviceaccount default; }
