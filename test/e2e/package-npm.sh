#!/bin/sh
# Makes the npm package twice, under different conditions, and installs it into an empty folder with npm: the same bytes, no script of it runs, and
# the installed Kiln works. Without a network: the Node.js, which npm would fetch, is the checkout's.
#
#   sh test/e2e/package-npm.sh
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
export KILN_HOME="$work/state"
end() {
  [ ! -x "$work/app/node_modules/.bin/kiln" ] || "$work/app/node_modules/.bin/kiln" controller stop >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM
fail() {
  echo "package-npm.sh: $1" >&2
  exit 1
}
cd "$root"
sh scripts/ensure.sh
make_package() { "$root"/node_modules/.bin/node --disable-warning=ExperimentalWarning scripts/package-npm.ts "$1"; }
first=$(umask 022 && make_package "$work/first")
second=$(umask 077 && TZ=Asia/Tokyo LC_ALL=C make_package "$work/second")
cmp "$first" "$second" || fail "two packages of one commit differ"

mkdir "$work/app"
cd "$work/app"
npm install --offline --omit=optional --no-audit --no-fund --loglevel=error --cache "$work/cache" "$first"
if kiln_says=$(node_modules/.bin/kiln --version 2>&1); then fail "it runs without its Node.js"; fi
case $kiln_says in *"--omit=optional"*) ;; *) fail "it does not say what is missing: $kiln_says" ;; esac
ln -s "$root"/node_modules/node-linux-* node_modules/
version=$(node_modules/.bin/kiln --version)
[ "$version" = "$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")" ] || fail "it has the version $version"
node_modules/.bin/kiln explain port_taken >/dev/null
node_modules/.bin/kiln doctor | tail -n 3
node_modules/.bin/kiln status
node_modules/.bin/kiln controller stop
echo "the npm package works"
