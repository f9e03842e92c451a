# shellcheck shell=bash disable=SC2034
# Debian packages the harness needs. Sourced, never run.

# promtool is in the package prometheus; gcc makes the pause program; nftables is for the test of NetworkPolicies.
NODE_PACKAGES=(containerd crun containernetworking-plugins iptables nftables conntrack ethtool socat iproute2 util-linux procps
  busybox-static prometheus curl jq openssl gcc libc6-dev)

# What tests without a cluster need: a registry that they start themselves, and certificates for it.
TEST_PACKAGES=(docker-registry openssl)

missing_packages() {
  local package
  for package; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

# install_packages NAME…: installs what is missing, and nothing when nothing is.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0
  require_root
  logged "$CACHE/log/apt.log" "installing Debian packages: ${missing[*]}" install_quietly "${missing[@]}"
  step "Debian packages installed: ${missing[*]}"
}

# Debian starts a service when its package is installed: policy-rc.d says no while ours are, then it is as it was.
install_quietly() (
  policy=/usr/sbin/policy-rc.d
  # shellcheck disable=SC2317 # called by the trap
  restore() {
    rm -f "$policy"
    [[ ! -e $policy.todoapp ]] || mv "$policy.todoapp" "$policy"
  }
  if [[ ! -e $policy.todoapp && -e $policy ]]; then mv "$policy" "$policy.todoapp"; fi
  trap restore EXIT
  trap 'exit 143' TERM INT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  apt-get install -y --no-install-recommends "$@"
  # Nor shall they start with the machine: node and tests run their own.
  for package; do
    if [[ $package =~ ^(containerd|prometheus|docker-registry)$ ]] && command -v systemctl >/dev/null; then
      systemctl disable "$package.service" || true
    fi
  done
)
