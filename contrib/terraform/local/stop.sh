#!/bin/sh
# Ends the server that listens on its address. One that has ended already is no error.
set -eu
exec ./server.pl --stop
