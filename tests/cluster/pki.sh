# shellcheck shell=bash
# Certificates and kubeconfigs of one node. Sourced, never run.

make_authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt \
    -subj /CN=todoapp-ca -days 365
}

# make_certificate NAME SUBJECT [SUBJECT-ALT-NAMES]
make_certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2"
  printf 'extendedKeyUsage=serverAuth,clientAuth\n%s\n' "${3:+subjectAltName=$3}" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" -days 365 \
    -extfile "$1.ext" -out "$1.crt"
  rm "$1.csr" "$1.ext"
}

# Written by hand: kubectl takes 50 ms a call and this would be twenty.
make_kubeconfig() {
  cat >"$1.conf" <<YAML
apiVersion: v1
kind: Config
current-context: $NODE_NAME
clusters:
- name: $NODE_NAME
  cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w 0 ca.crt)}
contexts:
- name: $NODE_NAME
  context: {cluster: $NODE_NAME, user: $1}
users:
- name: $1
  user: {client-certificate-data: $(base64 -w 0 "$1.crt"), client-key-data: $(base64 -w 0 "$1.key")}
YAML
}

make_pki() (
  mkdir -p "$PKI"
  cd "$PKI" || exit
  umask 077
  make_authority
  make_certificate apiserver /CN=kube-apiserver "IP:127.0.0.1,IP:$NODE_IP,IP:$API_SERVICE_IP,DNS:kubernetes.default.svc.cluster.local,DNS:kubernetes.default.svc,DNS:kubernetes.default,DNS:kubernetes,DNS:localhost"
  make_certificate front-proxy /CN=front-proxy
  make_certificate admin /O=system:masters/CN=admin
  make_certificate controller-manager /CN=system:kube-controller-manager
  make_certificate scheduler /CN=system:kube-scheduler
  make_certificate proxy /CN=system:kube-proxy
  make_certificate kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" "IP:$NODE_IP,DNS:$NODE_NAME"
  openssl ecparam -name prime256v1 -genkey -noout -out service-account.key
  openssl ec -in service-account.key -pubout -out service-account.pub
  local name
  for name in admin controller-manager scheduler proxy kubelet; do make_kubeconfig "$name"; done
)
