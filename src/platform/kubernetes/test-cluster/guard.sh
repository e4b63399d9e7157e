#!/bin/sh
# Removes what a cluster leaves on the machine. It begins when its input ends: the test holds the other end, and lets go of it however it ends.
# Argument: the cluster's name, which its folder and its cgroups have.
set -u
name=$1
cat >/dev/null

# Processes end some moments after the first one of their namespace: until then their cgroups cannot go.
tries=1200
groups() { find /sys/fs/cgroup -maxdepth 2 -type d -name "$name"; }
while [ -n "$(groups)" ] && [ "$tries" -gt 0 ]; do
  for group in $(groups); do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; done
  tries=$((tries - 1))
  sleep 0.05
done
[ -n "$(groups)" ] || rm -rf --one-file-system "/tmp/$name"
