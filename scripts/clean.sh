#!/bin/sh
# Removes what the commands of the Makefile made, except node_modules.
set -eu

cd "$(dirname "$0")/.."
if [ -f .data/waybill.pid ] && kill -0 "$(cat .data/waybill.pid)" 2>/dev/null; then
  echo "clean: Waybill runs on .data (process $(cat .data/waybill.pid)); end it first" >&2
  exit 1
fi
rm -rf console/dist dist test-results .test-results-store coverage
# One file system only: should something still be mounted below, its bytes are not ours to delete.
rm -rf --one-file-system .data
