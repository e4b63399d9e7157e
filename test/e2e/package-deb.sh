#!/usr/bin/env bash
# The life of Kiln's Debian package on a machine without systemd, as docs/install.md has it: made twice, installed, upgraded while requests
# arrive, removed, purged. Ends with "All holds." Runs as root in a clone that is set up; what it downloads and makes, it leaves there.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
checkout=$PWD
work=$(mktemp -d)

fail() {
  echo "$1" >&2
  [ ! -e /var/lib/kiln/controller.log ] || tail -n 20 /var/lib/kiln/controller.log >&2
  exit 1
}
say() { echo "$SECONDS s: $1"; }
package() { npm run --silent package -- "$@"; }
install() { apt-get -qq install -y --no-install-recommends "$@" 2>&1 || fail "apt-get install $*"; }
ask() { (exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && grep -q "this is one" <&3) 2>/dev/null; }
servers() { kiln servers --json | grep -o '"id": *"[^"]*"' | sort; }
# On a busy machine the first look of a controller may take longer than a command waits for it.
same_servers() {
  for _ in $(seq 240); do
    [ "$(servers)" != "$before" ] || return 0
    sleep 0.5
  done
  fail "Servers were replaced: $before; now $(servers)"
}
controller() { grep -o '"pid": *[0-9]*' /var/lib/kiln/controller.lock.json; }

say "made twice: other folder, umask, time zone and locale"
package "$work/one" >/dev/null
cp -al "$checkout" "$work/elsewhere"
(cd "$work/elsewhere" && umask 077 && export TZ=Pacific/Auckland LC_ALL=C && package "$work/two" >/dev/null)
cmp "$work"/one/*.deb "$work"/two/*.deb
newer=$(echo "$work"/one/*.deb)

say "one of an older version, to be upgraded: $(basename "$newer") with another number"
older=$work/older.deb
dpkg-deb -R "$newer" "$work/older"
sed -i 's/^Version: .*/Version: 0.0.1/' "$work/older/DEBIAN/control"
sed -i '0,/"version": "[^"]*"/s//"version": "0.0.1"/' "$work/older/usr/lib/kiln/package.json"
dpkg-deb -Znone -b "$work/older" "$older" >/dev/null

say "installed"
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/kiln-test # nothing here has to outlast a power failure
install "$older"
[ "$(readlink -f "$(command -v kiln)")" = /usr/lib/kiln/kiln ] || fail "kiln is another one: $(command -v kiln)"

say "a project is served"
mkdir -p "$work/project/www"
cd "$work/project"
apt-get -qq -o APT::Sandbox::User=root download busybox-static
dpkg-deb -x busybox-static_*.deb unpacked
cp "$(find unpacked -path '*bin/busybox')" busybox
echo "this is one" >www/index.html
cat >kiln.yaml <<END
service: one
image:
  from: scratch
  files: [{ from: ./busybox, to: /bin/busybox, mode: "0755" }, { from: ./www, to: /srv/www }]
  command: [/bin/busybox, sh, -c, "trap exit TERM; /bin/busybox httpd -f -p 8080 -h /srv/www & wait"]
servers: { count: 2, port: 8080, memory: 32MiB }
health: { http: /, interval: 50ms, ready: 1, deadline: 60s }
traffic: { listen: 8080 }
rollout: { bake: 1s, drain: 1s }
END
kiln deploy
ask || fail "The project is not served."

say "upgraded while requests arrive"
new=$(sed -n 's/.*"version": "\([^"]*\)".*/\1/p' "$checkout/package.json")
before=$(servers) former=$(controller)
[ "$(wc -l <<<"$before")" = 2 ] || fail "These are not two servers: $before"
(
  asked=0 lost=0
  until [ -e "$work/enough" ]; do
    ask || lost=$((lost + 1))
    asked=$((asked + 1))
    sleep 0.02
  done
  echo "$asked asked, $lost lost" >"$work/counts"
) &
install "$newer"
[ "$(kiln --version)" = "$new" ] || fail "kiln is still $(kiln --version)."
dpkg --verify kiln
[ "$(controller)" != "$former" ] || fail "The controller is still the old one."
kiln controller status | grep -q "version $new" || fail "The controller runs other code."
same_servers
touch "$work/enough"
wait
grep -q "^[1-9][0-9]* asked, 0 lost" "$work/counts" || fail "Requests were lost: $(cat "$work/counts")"
cat "$work/counts"

say "removed: servers and state stay"
apt-get -qq remove -y kiln
[ ! -e /usr/lib/kiln ] || fail "These files stay: $(find /usr/lib/kiln | head)"
! grep -lsa "src/main[.]ts" /proc/[0-9]*/cmdline || fail "A controller runs."
ask || fail "The servers have ended with the package."

say "purged: refused while servers run"
! apt-get -qq purge -y kiln >"$work/refused" 2>&1 || fail "The state of running servers was purged."
grep -q "kiln remove SERVICE" "$work/refused" || fail "$(cat "$work/refused")"
ask || fail "The servers have ended by a purge that was refused."

say "installed again: the same servers"
install "$newer"
same_servers
kiln remove one --yes
apt-get -qq purge -y kiln
for path in /var/lib/kiln /usr/lib/kiln /usr/bin/kiln; do [ ! -e "$path" ] || fail "$path stays: $(find "$path" | head)"; done
rm -rf "$work"
say "All holds."
