#!/bin/sh
# Installs what is missing, and only that: again and again without harm.
#
#   scripts/setup.sh [up] [test] [cluster] [bench] [images]
#
# Always: the npm packages of the lock file (with them the pinned Node) and the built console; for a purpose also the
# command line in one piece.
# Each word adds the Debian packages that this purpose needs. A system package is announced before it is installed;
# without root rights the one command to run is printed instead.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# Two set-ups at once would pull the packages away under each other. The lock ends with this process.
if command -v flock >/dev/null 2>&1; then
  exec 9<"$root"
  flock -n 9 || {
    say "another set-up runs in this checkout; waiting for it"
    flock 9
  }
fi

install_packages() { # packages...
  if ! command -v apt-get >/dev/null 2>&1; then
    say "missing: $*. This system has no apt-get: install them with its own package manager"
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    say "missing: $*. Run this once, then repeat:"
    printf '\n    sudo apt-get update && sudo apt-get install -y --no-install-recommends %s\n\n' "$*"
    return 1
  fi
  say "installing the system packages: $* (apt-get)"
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  if { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    rm -f "$log"
    return 0
  fi
  tail -n 15 "$log" >&2
  rm -f "$log"
  say "apt-get could not install: $*"
  return 1
}

# 1. npm: whatever version the machine has; it only fetches the pinned Node and the packages.
if ! command -v npm >/dev/null 2>&1; then
  install_packages nodejs npm || fail "npm is needed to fetch everything else. Install Node.js 20 or newer with npm"
fi

# 2. System packages of the purposes: command to look for, package that brings it.
missing=
wished=
wishes() { # command package: the tests say which they leave out without it
  command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || case " $wished " in
    *" $2 "*) ;;
    *) wished="$wished $2" ;;
  esac
}
needs() { # command package
  command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] || case " $missing " in
    *" $2 "*) ;;
    *) missing="$missing $2" ;;
  esac
}
required=no
for purpose in "$@"; do
  case $purpose in
    up) needs containerd containerd; needs runc runc ;;
    test) required=yes; needs containerd containerd; needs runc runc; needs skopeo skopeo; needs chromium chromium; needs prometheus prometheus; needs docker-registry docker-registry; needs openssl openssl; needs strip binutils; needs jq jq; needs zstd zstd; needs strace strace
      wishes ceph-mon ceph-mon; wishes ceph-osd ceph-osd; wishes radosgw radosgw; wishes ceph ceph-common ;;
    cluster)
      required=yes
      needs containerd containerd; needs runc runc; needs nft nftables; needs iptables iptables; needs conntrack conntrack
      needs ip iproute2; needs unshare util-linux; needs mount mount; needs sysctl procps; needs hostname hostname
      # Its programs stand where nobody's PATH leads.
      [ -x /usr/lib/cni/bridge ] || missing="$missing containernetworking-plugins"
      ;;
    bench) required=yes; needs docker-registry docker-registry ;;
    images) required=yes; needs strip binutils ;;
    *) fail "unknown purpose '$purpose'; there are: up, test, cluster, bench, images" ;;
  esac
done
if [ -n "$missing" ]; then
  # Without containerd `up` still works (it replays a recording); without their servers the tests would prove nothing.
  # shellcheck disable=SC2086
  install_packages $missing || [ "$required" = no ] ||
    fail "the tests need these packages. Tests that need only Node: make test-unit"
fi

if [ -n "$wished" ]; then
  # shellcheck disable=SC2086
  install_packages $wished || say "without $wished the tests on Ceph RGW are left out"
fi

# 3. npm packages: only when the lock file changed since the last time.
stamp=node_modules/.waybill-setup
lock=$(cat package-lock.json package.json | cksum)
if [ ! -x node_modules/.bin/node ] || [ "$(cat "$stamp" 2>/dev/null || true)" != "$lock" ]; then
  say "installing npm packages (npm ci)"
  # npm ci begins with an empty node_modules. What took minutes to build there (Kubernetes, clients) is laid aside;
  # a set-up that was killed in between left it there for this one.
  kept=$root/.cache-kept
  if [ -d node_modules/.cache ] && [ ! -d "$kept" ]; then mv node_modules/.cache "$kept"; fi
  install() { npm_config_update_notifier=false npm ci --no-audit --no-fund --loglevel=error "$@"; }
  if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
    # Under an old Node npm leaves out what needs a newer one: fetch the pinned Node alone, then let npm run with that.
    say "the machine's Node is $(node --version); fetching the pinned one first"
    install --workspaces=false --omit=dev --ignore-scripts
    newer=$(mktemp -d)
    trap 'rm -rf "$newer"' EXIT
    cp node_modules/node-linux-*/bin/node "$newer/node"
    PATH=$newer:$PATH install
  else
    install
  fi
  # npm 9 takes the link away again with the package of the other architecture, which has one of the same name.
  for pinned in node_modules/node-linux-*/bin/node; do
    if [ ! -x node_modules/.bin/node ] && [ -x "$pinned" ]; then
      ln -sf "../${pinned#node_modules/}" node_modules/.bin/node
    fi
  done
  if [ -d "$kept" ]; then
    rm -rf node_modules/.cache
    mv "$kept" node_modules/.cache
  fi
  [ -x node_modules/.bin/node ] ||
    fail "npm brought no Node for this machine ($(uname -s) $(uname -m)); pinned ones exist for Linux on x64 and arm64"
  node_modules/.bin/node --version >/dev/null ||
    fail "the pinned Node does not start on this machine; it needs glibc 2.28 or newer"
  printf '%s\n' "$lock" >"$stamp"
fi
PATH=$root/node_modules/.bin:$PATH
export PATH

# 4. The console's page: only when a source is newer than what was built.
if [ -f console/index.html ]; then
  page=console/dist/index.html
  if [ ! -f "$page" ] || [ -n "$(find console pulltrace/src/contract package-lock.json \
    -path console/dist -prune -o -path console/node_modules -prune -o -type f -newer "$page" -print | head -n 1)" ]; then
    say "building the console"
    npm run --silent build --workspace @waybill/console -- --logLevel warn
    touch "$page"
  fi
fi

# 5. The command line in one piece, from which bin/waybill starts quicker; where a source changes later, the sources run.
if [ $# -gt 0 ]; then
  node scripts/build-program.ts
fi
