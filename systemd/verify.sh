#!/bin/sh
# Checks the unit with systemd-analyze, with the program's path and user replaced by ones that exist here.
set -e
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sed -e 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' -e 's|^User=.*|User=root|' -e 's|^Group=.*|Group=root|' trunkline.service > "$tmp/trunkline.service"
out=$(systemd-analyze verify "$tmp/trunkline.service" 2>&1 | grep 'trunkline.service' || true)
if [ -n "$out" ]; then
  echo "$out"
  echo "systemd/trunkline.service: systemd-analyze finds fault with it"
  exit 1
fi
echo "systemd/trunkline.service verified"
