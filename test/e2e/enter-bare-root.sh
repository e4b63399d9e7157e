#!/usr/bin/env bash
# Runs a command in a root file system as on a machine of its own: with its own mounts, processes, host name, network and
# cgroups. The network reaches out through slirp4netns, a program and not a change of this machine; nothing reaches in. However
# this ends, everything in there ends too, and nothing of it is left on this machine.
#
#   enter-bare-root.sh ROOT COMMAND [ARGUMENT...]
set -euo pipefail

# In the new namespaces, which still see this machine's files.
if [ "$1" = --inside ]; then
  root=$2 work=$3 group=$4
  shift 4
  read -r pid _ </proc/self/stat # this machine's number, while its /proc is mounted
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -e "$hierarchy/cgroup.procs" ] || continue
    mkdir "$hierarchy/$group"
    if [ -e "$hierarchy/cpuset.cpus" ] && [ ! -s "$hierarchy/$group/cpuset.cpus" ]; then
      cat "$hierarchy/cpuset.cpus" >"$hierarchy/$group/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" >"$hierarchy/$group/cpuset.mems"
      echo 1 >"$hierarchy/$group/cgroup.clone_children"
    fi
    echo 0 >"$hierarchy/$group/cgroup.procs" # this process
  done
  echo "$pid" >"$work/pid"
  until [ -e "$work/connected" ]; do sleep 0.05; done
  exec unshare --cgroup bash "$0" --in-root "$root" "$@"
fi

if [ "$1" = --in-root ]; then
  root=$2
  shift 2
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/run"
  # The same hierarchies at the same places, each beginning at our own group.
  while read -r _ _ _ _ target _ rest; do
    case $rest in
      *"- tmpfs "*) mount -t tmpfs -o mode=755 tmpfs "$root$target" ;;
      *"- cgroup2 "*) mkdir -p "$root$target" && mount -t cgroup2 cgroup "$root$target" ;;
      *"- cgroup "*) mkdir -p "$root$target" && mount -t cgroup -o "${rest##*cgroup rw,}" cgroup "$root$target" ;;
    esac
  done < <(grep -F ' /sys/fs/cgroup' /proc/self/mountinfo)
  if [ -e "$root/sys/fs/cgroup/cgroup.subtree_control" ]; then # version 2 wants no processes where limits begin
    mkdir "$root/sys/fs/cgroup/init"
    echo 0 >"$root/sys/fs/cgroup/init/cgroup.procs"
    sed 's/[a-z_]*/+&/g' "$root/sys/fs/cgroup/cgroup.controllers" >"$root/sys/fs/cgroup/cgroup.subtree_control"
  fi
  hostname bare
  ip link set lo up
  cd "$root"
  pivot_root . mnt
  cd /
  umount --lazy /mnt
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root NO_COLOR=1 \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt ${KILN_BARE_ENV:-} "$@"
fi

root=$1
shift
work=$(mktemp -d)
group=kiln-bare-$$
machine="" network=""
clean_up() {
  [ -z "$machine" ] || kill -KILL "$machine" 2>/dev/null || true # and, by --kill-child, the first process in there
  [ -z "$network" ] || kill "$network" 2>/dev/null || true
  wait
  # Its members end in the background.
  for _ in $(seq 100); do
    find /sys/fs/cgroup -depth -type d -path "*/$group*" -exec rmdir {} + 2>/dev/null || true
    [ -n "$(find /sys/fs/cgroup -maxdepth 2 -name "$group" -print -quit)" ] || break
    sleep 0.1
  done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' TERM INT

setpriv --pdeathsig KILL unshare --mount --pid --uts --ipc --net --fork --kill-child --propagation private \
  bash "$0" --inside "$root" "$work" "$group" "$@" &
machine=$!
until [ -s "$work/pid" ]; do
  kill -0 "$machine" 2>/dev/null || { echo "No namespaces could be made." >&2; exit 1; }
  sleep 0.05
done
read -r first <"$work/pid"
setpriv --pdeathsig KILL slirp4netns --configure --mtu=65520 --ready-fd=3 "$first" tap0 3>"$work/ready" >/dev/null 2>"$work/slirp4netns.log" &
network=$!
until [ -s "$work/ready" ]; do
  kill -0 "$network" 2>/dev/null || { cat "$work/slirp4netns.log" >&2; exit 1; }
  sleep 0.05
done
: >"$work/connected"
code=0
wait "$machine" || code=$?
machine=""
exit "$code"
