#!/bin/sh
# documents.sh CRADLED TREE: packaging/config.toml is what `cradled --print-config` prints by default, and the manual
# page names every key.
set -eu
printed=$("$1" --config /dev/null --print-config)
printf '%s\n' "$printed" | diff -u "$2/packaging/config.toml" - || { echo "packaging/config.toml is not the default"; exit 1; }
printf '%s\n' "$printed" | sed -n 's/^\([a-z_]*\) = .*/\1/p' | while read -r key; do
  grep -q "^\.BR $key " "$2/docs/man/cradle-config.toml.5" || { echo "$key is not in cradle-config.toml.5"; exit 1; }
done
