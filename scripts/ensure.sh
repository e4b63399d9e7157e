#!/bin/sh
# Brings what a checkout needs: the npm packages (with the pinned Node.js among them) and, with --system, the
# system packages of the local platform. Repeating it costs milliseconds and changes nothing.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

stamp=node_modules/.kiln-lock
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
  command -v npm >/dev/null || { echo "kiln: npm is missing. Install Node.js 20 or newer with npm, then repeat." >&2; exit 1; }
  echo "Setting up: npm packages and Node.js $(sed -n 's/.*"node": "\([0-9.]*\)".*/\1/p' package.json | head -1) ..."
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi

[ "${1:-}" = --system ] || exit 0
packages="runc conmon haproxy erofs-utils iproute2 iptables"
if command -v dpkg-query >/dev/null; then
  missing=""
  for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -n "$missing" ] || exit 0
  if [ "$(id -u)" != 0 ]; then
    echo "kiln: missing system packages:$missing. Run as root: apt-get install$missing" >&2
    exit 0
  fi
  echo "Setting up: system packages$missing ..."
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null
fi
