# Keys, certificates and kubeconfigs of a cluster. To be sourced after common.sh. What is there stays:
# tokens and certificates that somebody holds go on working.
# shellcheck shell=bash disable=SC2154

pki=$dir/pki
# Longer than any test cluster lives.
days=3650

pki_up() {
  mkdir -p "$pki"
  chmod 700 "$pki"
  authority ca
  authority front-proxy-ca
  # NAME AUTHORITY SUBJECT USAGE [SUBJECT-ALTERNATIVE-NAMES]
  certificate apiserver ca /CN=kube-apiserver serverAuth \
    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:$api_ip,IP:$node_ip"
  certificate apiserver-to-kubelet ca /O=system:masters/CN=apiserver-to-kubelet clientAuth
  certificate front-proxy front-proxy-ca /CN=front-proxy clientAuth
  certificate admin ca /O=system:masters/CN=admin clientAuth
  certificate controller-manager ca /CN=system:kube-controller-manager clientAuth
  certificate scheduler ca /CN=system:kube-scheduler clientAuth
  certificate proxy ca /CN=system:kube-proxy clientAuth
  # The kubelet is the API server's client and its server too (logs, exec, port-forward).
  certificate kubelet ca "/O=system:nodes/CN=system:node:$node" clientAuth,serverAuth "DNS:$node,IP:$node_ip"
  # Service-account tokens are signed with RSA.
  [ -s "$pki/tokens.pub" ] || {
    openssl genrsa -out "$pki/tokens.key" 2048 2>/dev/null
    openssl rsa -in "$pki/tokens.key" -pubout -out "$pki/tokens.pub" 2>/dev/null
  }
  for user in controller-manager scheduler proxy kubelet; do
    kubeconfig_of "$user" "$pki/$user.conf"
  done
  kubeconfig_of admin "$kubeconfig"
}

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

authority() { # NAME
  [ -s "$pki/$1.crt" ] ||
    openssl req -x509 "${new_key[@]}" -keyout "$pki/$1.key" -out "$pki/$1.crt" -days "$days" \
      -subj "/CN=handback-cluster $1" 2>/dev/null
}

certificate() {
  local file=$pki/$1
  [ -s "$file.crt" ] && return
  {
    echo 'basicConstraints = CA:FALSE'
    echo 'keyUsage = digitalSignature'
    echo "extendedKeyUsage = $4"
    [ -z "${5:-}" ] || echo "subjectAltName = $5"
  } >"$file.ext"
  openssl req "${new_key[@]}" -keyout "$file.key" -out "$file.csr" -subj "$3" 2>/dev/null
  openssl x509 -req -in "$file.csr" -CA "$pki/$2.crt" -CAkey "$pki/$2.key" -CAcreateserial \
    -days "$days" -extfile "$file.ext" -out "$file.crt.new" 2>/dev/null
  mv "$file.crt.new" "$file.crt"
  rm "$file.csr" "$file.ext"
}

kubeconfig_of() { # USER FILE
  [ -s "$2" ] && return
  cat >"$2.new" <<YAML
apiVersion: v1
kind: Config
current-context: $name
contexts: [{name: $name, context: {cluster: $name, user: $1}}]
clusters:
  - name: $name
    cluster:
      server: https://127.0.0.1:6443
      certificate-authority-data: $(base64 -w0 "$pki/ca.crt")
users:
  - name: $1
    user:
      client-certificate-data: $(base64 -w0 "$pki/$1.crt")
      client-key-data: $(base64 -w0 "$pki/$1.key")
YAML
  chmod 600 "$2.new"
  mv "$2.new" "$2"
}
