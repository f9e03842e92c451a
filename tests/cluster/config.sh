# shellcheck shell=bash
# Configuration files of the node's daemons. Sourced, never run.

# `ptp` (routed) and not `bridge`: pod to service to pod on one node then needs no br_netfilter.
# No portmap: each plugin is a process more on the way of every pod's start.
write_cni() {
  mkdir -p "$STATE/cni"
  cat >"$STATE/cni/10-todoapp.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "todoapp", "plugins": [
  {"type": "ptp", "ipMasq": false, "mtu": 1500, "ipam": {
    "type": "host-local", "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
}

# restrict_oom_score_adj: root in a container may not lower oom_score_adj, and without it every sandbox fails
# ("can't get final child's PID"). crun, not runc: a pod is three containers, and crun starts each of them sooner.
# Unprivileged ports: programs that run as nobody may listen on 53 and 80, as under later versions of containerd.
# Where there is AppArmor, a profile would stay loaded in the kernel.
# The plugin `opt` would make a folder /opt/containerd on the machine.
write_containerd() {
  cat >"$STATE/containerd.toml" <<TOML
version = 2
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "todoapp.local/pause:1"
  restrict_oom_score_adj = true
  enable_unprivileged_ports = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$STATE/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "crun"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
        BinaryName = "/usr/bin/crun"
TOML
}

# The node never evicts and never collects images: nothing could be pulled again.
write_kubelet() {
  cat >"$STATE/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
address: 0.0.0.0
cgroupDriver: cgroupfs
cgroupRoot: /$NODE_NAME
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
volumePluginDir: /var/lib/kubelet/plugins
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: /dev/null
evictionHard: {memory.available: "1Mi", nodefs.available: "0%", imagefs.available: "0%", nodefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
podPidsLimit: -1
maxPods: 500
serializeImagePulls: false
YAML
}

# Conntrack limits of 0 keep kube-proxy from writing sysctls that belong to the machine.
write_proxy() {
  cat >"$STATE/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $PKI/proxy.conf}
mode: iptables
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE_NAME
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
}

write_config() {
  write_cni
  write_containerd
  write_kubelet
  write_proxy
  cp "$CLUSTER_DIR/audit.yaml" "$STATE/audit.yaml"
}
