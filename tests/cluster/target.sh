# shellcheck shell=bash
# Which cluster install, test and demo work with: the one of KUBECONFIG if it is set, the node of this checkout
# otherwise. Sourced after lib.sh and build.sh, never run.

# exec sets KUBECONFIG too, and says that it did.
external_cluster() { [[ -n ${KUBECONFIG:-} && ${TODOAPP_CLUSTER:-} != local ]]; }

# Starts the node unless another cluster was named; there, only kubectl and helm have to be at hand.
ready_cluster() {
  node_identity
  if ! external_cluster; then
    node_ready || "$CLUSTER_DIR/up"
  elif ! command -v kubectl >/dev/null || ! command -v helm >/dev/null; then
    tool_folders
    build_client_tools
    export PATH=$PATH:$KUBERNETES_BIN:$HELM_BIN
  fi
}

# at_cluster COMMAND…: runs it where the cluster can be reached, with KUBECONFIG, kubectl and helm.
at_cluster() {
  if external_cluster; then "$@"; else "$CLUSTER_DIR/exec" "$@"; fi
}
