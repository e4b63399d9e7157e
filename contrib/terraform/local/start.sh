#!/bin/sh
# Starts the server, unless it runs: a creation that was cut off is repeated. It is there once it listens.
set -eu
if ! ./server.pl --running; then
  setsid ./server.pl </dev/null >/dev/null 2>&1 &
fi
for _ in $(seq 300); do
  if ./server.pl --running; then exit 0; fi
  sleep 0.1
done
echo "nothing listens on $ADDRESS:$PORT" >&2
exit 1
