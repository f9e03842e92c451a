# shellcheck shell=bash disable=SC2034
# What the scripts of the node share: its names and addresses, output, and how it is ended. Sourced, never run.

CLUSTER_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
CHECKOUT=$(cd "$CLUSTER_DIR/../.." && pwd -P)
CACHE=${TODOAPP_CACHE:-$HOME/.cache/todoapp}
MARK=$EPOCHREALTIME
CHILD=

# Everything a node owns carries its name, so that nodes of two checkouts can run side by side.
node_identity() {
  local digest
  digest=$(printf %s "$CHECKOUT" | sha256sum)
  NODE_ID=${TODOAPP_NODE:-${digest:0:8}}
  [[ $NODE_ID =~ ^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$ ]] || fail "TODOAPP_NODE: '$NODE_ID' is not a name of 1 to 32 letters, digits and dashes"
  NODE_NAME=todoapp-$NODE_ID
  RUN=/run/$NODE_NAME
  STATE=/var/lib/$NODE_NAME
  LOG=$STATE/log
  PKI=$STATE/pki
  NODE_KUBECONFIG=$PKI/admin.conf
}

# One block 10.X.0.0/16 a node: the node itself, then services, then pods.
node_addresses() {
  local digest octet
  digest=$(printf %s "$NODE_ID" | sha256sum)
  octet=$((16 + 16#${digest:0:4} % 224))
  NODE_IP=10.$octet.0.1
  SERVICE_CIDR=10.$octet.64.0/18
  API_SERVICE_IP=10.$octet.64.1
  DNS_IP=10.$octet.64.10
  POD_CIDR=10.$octet.128.0/17
}

say() { printf '%s\n' "$*"; }

# step TEXT: one line of progress with the seconds since the line before.
step() {
  local now=$EPOCHREALTIME tenths
  tenths=$(((${now/./} - ${MARK/./}) / 100000))
  printf '%5d.%ds  %s\n' $((tenths / 10)) $((tenths % 10)) "$*"
  MARK=$now
}

# fail TEXT [LOG]: says why, shows the end of the log that tells more, ends the script.
fail() {
  printf 'failed: %s\n' "$1" >&2
  if [[ -n ${2:-} && -e $2 ]]; then
    printf -- '--- end of %s\n' "$2" >&2
    tail -n 25 "$2" >&2
    printf -- '--- the whole log: %s\n' "$2" >&2
  fi
  exit 1
}

# logged LOG TEXT COMMAND…: runs the command with its output in LOG. It gets a process group of its own, for an
# interrupt has to end a whole build, and waiting for a background job is what lets a trap run at once.
logged() {
  local log=$1 text=$2 status=0
  shift 2
  mkdir -p "$(dirname "$log")"
  set -m
  "$@" >"$log" 2>&1 </dev/null 9<&- &
  CHILD=$!
  set +m
  wait "$CHILD" || status=$?
  CHILD=
  ((status == 0)) || fail "$text" "$log"
}

end_child() {
  [[ -z $CHILD ]] || kill -TERM -- "-$CHILD" 2>/dev/null || true
}

require_root() { ((EUID == 0)) || fail "the node needs root: namespaces, mounts and cgroups"; }

# Starting and ending exclude each other. The lock is on a folder of the checkout, for a lock file would be left behind.
lock_node() {
  exec 9<"$CLUSTER_DIR"
  if ! flock -n 9; then
    say "waiting for another up or down of this checkout"
    flock 9
  fi
}

# The process that holds the node's namespaces, if it lives. Pids are used again: its command line has to match.
node_pid() {
  local pid
  pid=$(cat "$RUN/pid" 2>/dev/null) || return 1
  [[ -n $pid && -r /proc/$pid/cmdline ]] || return 1
  grep -qaF "$NODE_NAME" "/proc/$pid/cmdline" || return 1
  printf '%s\n' "$pid"
}

node_ready() { [[ -e $RUN/ready ]] && node_pid >/dev/null; }

# in_node_network COMMAND…: only the network is entered. `ip netns exec` would mount a new /sys, which hides the cgroups.
in_node_network() { nsenter --net="/proc/$(node_pid)/ns/net" -- "$@"; }

node_kubectl() { in_node_network "$KUBERNETES_BIN/kubectl" --kubeconfig="$NODE_KUBECONFIG" "$@"; }

# Folders of the kubelet's cgroup root: one a hierarchy under cgroup v1, one in all under v2.
node_cgroups() {
  local hierarchy
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    printf '%s\n' "/sys/fs/cgroup/$NODE_NAME"
    return
  fi
  for hierarchy in /sys/fs/cgroup/*/; do
    [[ -L ${hierarchy%/} ]] || printf '%s\n' "$hierarchy$NODE_NAME"
  done
}

# Ends the node whatever state it is in and removes what it left. The first process of a process namespace takes
# every other one with it, and they take the mounts and devices: what stays are cgroups and folders.
remove_node() {
  local holder first folder try
  if holder=$(node_pid); then
    first=$(pgrep -P "$holder" || true)
    kill -KILL "$holder" 2>/dev/null || true
    for ((try = 0; try < 300; try++)); do
      [[ -d /proc/$holder || (-n $first && -d /proc/$first) ]] || break
      sleep 0.1
    done
    [[ ! -d /proc/$holder ]] || fail "process $holder of node $NODE_ID does not end"
  fi
  while read -r folder; do
    # A cgroup stays busy for some milliseconds after its last process.
    for ((try = 0; try < 50; try++)); do
      [[ -d $folder ]] || break
      find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
    done
    [[ ! -d $folder ]] || fail "cgroup $folder is still in use"
  done < <(node_cgroups)
  rm -rf --one-file-system "$STATE" "$RUN"
}
