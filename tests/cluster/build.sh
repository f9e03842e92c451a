# shellcheck shell=bash
# The node's programs, built from pinned Go modules into the cache. Sourced, never run.
#
# One module a tool in tools/, for their dependencies contradict each other; go.sum in each holds the checksums.
# A finished tool is a folder bin/NAME-VERSION-KEY of the cache, where KEY stands for the files of the module.

# tool_folder NAME MODULE: where the tool's programs are or will be.
tool_folder() {
  local folder=$CLUSTER_DIR/tools/$1 version key
  version=$(awk -v module="$2" '$1 == "require" && $2 == module { print $3 } $1 == module && $2 != "=>" { print $2 }' "$folder/go.mod" | head -n 1)
  key=$(cat "$folder"/go.mod "$folder"/go.sum "$folder"/*.go | sha256sum)
  printf '%s\n' "$CACHE/bin/$1-${version#v}-${key:0:8}"
}

tool_folders() {
  KUBERNETES_BIN=$(tool_folder kubernetes k8s.io/kubernetes)
  ETCD_BIN=$(tool_folder etcd go.etcd.io/etcd/server/v3)
  COREDNS_BIN=$(tool_folder coredns github.com/coredns/coredns)
  METRICS_SERVER_BIN=$(tool_folder metrics-server sigs.k8s.io/metrics-server)
  HELM_BIN=$(tool_folder helm helm.sh/helm/v4)
  HEY_BIN=$(tool_folder hey github.com/rakyll/hey)
  KNATIVE_BIN=$(tool_folder knative knative.dev/serving)
  H2SPEC_BIN=$(tool_folder h2spec github.com/summerwind/h2spec)
  PAUSE_BIN=$CACHE/bin/pause-$(sha256sum "$CLUSTER_DIR/pause.c" | cut -c 1-8)
}

# go_build NAME OUT LDFLAGS PACKAGE…: one package becomes the program NAME, several keep their names.
go_build() {
  local out=$2/ ldflags=$3
  cd "$CLUSTER_DIR/tools/$1" || return
  (($# > 4)) || out+=$1
  shift 3
  GOPATH=$CACHE/go GOCACHE=$CACHE/go-build GOFLAGS="-trimpath -buildvcs=false -modcacherw -mod=readonly" GOWORK=off \
    go build -ldflags "-s -w $ldflags" -o "$out" "$@"
}

# build_tool NAME OUT LDFLAGS PACKAGE…: builds unless it is there. A half-built folder never gets the final name.
build_tool() {
  local name=$1 out=$2 ldflags=$3
  shift 3
  [[ ! -d $out ]] || return 0
  command -v go >/dev/null || fail "go is needed to build $name (https://go.dev/dl)"
  say "         building ${out##*/} (once; log: $CACHE/log/build-$name.log)"
  rm -rf "$out.part"
  mkdir -p "$out.part"
  logged "$CACHE/log/build-$name.log" "building $name" go_build "$name" "$out.part" "$ldflags" "$@"
  mv "$out.part" "$out"
  step "built ${out##*/}"
}

build_pause() {
  [[ ! -d $PAUSE_BIN ]] || return 0
  rm -rf "$PAUSE_BIN.part"
  mkdir -p "$PAUSE_BIN.part"
  logged "$CACHE/log/build-pause.log" "building pause" gcc -O2 -static -s -o "$PAUSE_BIN.part/pause" "$CLUSTER_DIR/pause.c"
  mv "$PAUSE_BIN.part" "$PAUSE_BIN"
}

# What a person at the cluster needs: enough where the cluster is somebody else's.
build_client_tools() {
  local version=k8s.io/component-base/version kubernetes=k8s.io/kubernetes/cmd number
  number=$(basename "$KUBERNETES_BIN" | cut -d - -f 2)
  build_tool kubernetes "$KUBERNETES_BIN" \
    "-X $version.gitVersion=v$number -X $version.gitMajor=${number%%.*} -X $version.gitMinor=$(cut -d . -f 2 <<<"$number") -X $version.gitTreeState=clean" \
    "$kubernetes/kube-apiserver" "$kubernetes/kube-controller-manager" "$kubernetes/kube-scheduler" \
    "$kubernetes/kubelet" "$kubernetes/kube-proxy" "$kubernetes/kubectl"
  build_tool helm "$HELM_BIN" "" helm.sh/helm/v4/cmd/helm
}

# What tests need that play a client, with a cluster or without.
build_load_tools() {
  local lock
  mkdir -p "$CACHE"
  exec {lock}<"$CACHE"
  flock "$lock"
  build_tool hey "$HEY_BIN" "" github.com/rakyll/hey
  build_tool h2spec "$H2SPEC_BIN" "" github.com/summerwind/h2spec/cmd/h2spec
  exec {lock}<&-
}

# Whom benchmarks measure us beside; its programs go into images too.
build_knative() {
  local lock
  mkdir -p "$CACHE"
  exec {lock}<"$CACHE"
  flock "$lock"
  CGO_ENABLED=0 build_tool knative "$KNATIVE_BIN" "" knative.dev/serving/cmd/activator knative.dev/serving/cmd/autoscaler \
    knative.dev/serving/cmd/controller knative.dev/serving/cmd/queue knative.dev/serving/cmd/webhook
  exec {lock}<&-
}

# Two checkouts may build at the same time: the cache is locked, the second one finds the work done.
# Programs that go into an image must not be linked to libc.
build_tools() {
  local lock
  mkdir -p "$CACHE"
  exec {lock}<"$CACHE"
  flock "$lock"
  build_client_tools
  build_tool etcd "$ETCD_BIN" "" go.etcd.io/etcd/server/v3
  CGO_ENABLED=0 build_tool coredns "$COREDNS_BIN" "" .
  CGO_ENABLED=0 build_tool metrics-server "$METRICS_SERVER_BIN" "-X k8s.io/client-go/pkg/version.gitVersion=v$(basename "$METRICS_SERVER_BIN" | cut -d - -f 3)" \
    sigs.k8s.io/metrics-server/cmd/metrics-server
  build_tool hey "$HEY_BIN" "" github.com/rakyll/hey
  build_pause
  exec {lock}<&-
}
