#!/bin/sh
# The programs of a real Kubernetes of one node, for the tests of the platform `kubernetes`.
#
#   sh scripts/test-cluster.sh build   builds what the cache lacks (about 10 CPU minutes), then checks it
#   sh scripts/test-cluster.sh check   exit 0 when the cache holds every program, each with the digest noted when it was built
#   sh scripts/test-cluster.sh where   prints the folder
#
# Debian's source package of Kubernetes is the complete upstream tree with its dependencies, and Debian's Go compiles it. apt checks the
# signatures of what it downloads. Nothing is installed on the machine: compiler and etcd are unpacked next to the source and the folder of
# the build is removed at the end. KILN_CACHE moves the cache.
set -eu

version=1.20.2
source_version=1.20.5+really1.20.2-1.1+deb12u1
suite=bookworm
folder="${KILN_CACHE:-/var/cache/kiln}/kubernetes-$version"
programs="kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy"

check() {
  [ -s "$folder/SHA256SUMS" ] || { echo "There is no Kubernetes for tests in $folder: sh scripts/test-cluster.sh build" >&2; return 1; }
  for program in $programs etcd pause; do
    grep -q " $program\$" "$folder/SHA256SUMS" || { echo "$folder/SHA256SUMS does not name $program" >&2; return 1; }
  done
  (cd "$folder" && sha256sum --quiet --check SHA256SUMS) >&2
}

# apt with lists and sources of its own: the machine's may lack deb-src lines and are not ours to change.
apt_own() {
  apt-get -qq -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/apt" -o Dir::Etc::SourceList="$work/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root "$@"
}

download() {
  mirror="${KILN_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | awk 'sub("/debian/?$", "") { print; exit }')}"
  key="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
  mkdir -p "$work/lists/partial" "$work/apt/archives/partial" "$work/deb" "$work/root"
  {
    echo "deb $key $mirror/debian $suite main"
    echo "deb-src $key $mirror/debian $suite main"
    echo "deb $key $mirror/debian-security $suite-security main"
    echo "deb-src $key $mirror/debian-security $suite-security main"
  } >"$work/sources.list"
  apt_own update
  (cd "$work/deb" && apt_own download golang-1.19-go golang-1.19-src etcd-server && apt_own source --download-only "kubernetes=$source_version")
  for deb in "$work"/deb/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
}

# The tree goes where Go of the time before modules looks for it: its go.mod does not list what Debian's build takes from the vendor folder.
unpack() {
  mkdir -p "$work/go/src/k8s.io"
  dpkg-source --no-check -x "$work"/deb/kubernetes_*.dsc "$work/go/src/k8s.io/kubernetes" >/dev/null
}

compile() {
  export GOPATH="$work/go" GOCACHE="$work/cache" GO111MODULE=off CGO_ENABLED=0 GOFLAGS=-trimpath
  export GOROOT="$work/goroot"
  # Debian links from the compiler's folder to the sources' by absolute paths: one folder holds both here.
  mkdir -p "$GOROOT"
  cp -a "$work/root/usr/share/go-1.19/." "$GOROOT/"
  cp -a --remove-destination "$work/root/usr/lib/go-1.19/." "$GOROOT/" 2>/dev/null || true
  for part in api misc src test; do
    [ -d "$work/root/usr/share/go-1.19/$part" ] || continue
    rm -rf "${GOROOT:?}/$part"
    cp -a "$work/root/usr/share/go-1.19/$part" "$GOROOT/$part"
  done
  go="$GOROOT/bin/go"
  cd "$work/go/src/k8s.io/kubernetes"
  if [ ! -s pkg/generated/openapi/zz_generated.openapi.go ]; then
    "$go" build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    inputs=$(grep -rl --include='*.go' '^// *+k8s:openapi-gen=' pkg vendor/k8s.io staging/src/k8s.io 2>/dev/null | xargs -n1 dirname |
      sed 's|^staging/src/|vendor/|' | sort -u | grep -v '/_\|/testdata\|/kube-openapi/\|/code-generator/' | sed 's|^|k8s.io/kubernetes/|' | paste -sd, -)
    "$work/openapi-gen" --logtostderr -i "$inputs" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
      -h /dev/null -r /dev/null
  fi
  stamp=k8s.io/kubernetes/vendor/k8s.io/component-base/version
  flags="-s -w -X $stamp.gitVersion=v$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=20"
  for program in $programs; do "$go" build -ldflags "$flags" -o "$work/out/$program" "./cmd/$program"; done
  # What holds a pod's namespaces: upstream's own few lines of C, without a C library's help at run time.
  cc -Os -static -o "$work/out/pause" build/pause/linux/pause.c 2>/dev/null || cc -Os -static -o "$work/out/pause" build/pause/pause.c
  cp "$work/root/usr/bin/etcd" "$work/out/etcd"
}

build() {
  mkdir -p "$(dirname "$folder")"
  exec 9>"$folder.lock"
  flock 9
  if check 2>/dev/null; then return; fi
  work="${KILN_BUILD:-$folder.build}"
  mkdir -p "$work/out"
  [ -e "$work/downloaded" ] || { download && touch "$work/downloaded"; }
  [ -e "$work/unpacked" ] || { rm -rf "$work/go" && unpack && touch "$work/unpacked"; }
  (compile)
  (cd "$work/out" && sha256sum $programs etcd pause >SHA256SUMS)
  rm -rf "$folder"
  mv "$work/out" "$folder"
  rm -rf "$work"
  check
}

case "${1:-}" in
  build) build ;;
  check) check ;;
  where) echo "$folder" ;;
  *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
