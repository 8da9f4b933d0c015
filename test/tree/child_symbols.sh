#!/bin/sh
# child_symbols.sh LIST OBJECT...: what OBJECTs need from elsewhere is in LIST. They hold the code between clone and
# exec, where only what is safe without locks, allocation and exceptions may be called.
set -eu
list=$1
shift
[ $# -gt 0 ] || { echo "no object files given"; exit 1; }
defined=$(nm --defined-only "$@" | awk 'NF == 3 {print $3}' | sort -u)
nm -u "$@" | awk 'NF == 2 {print $2}' | sort -u | {
  bad=0
  while read -r symbol; do
    echo "$defined" | grep -qxF "$symbol" && continue
    sed 's/#.*//' "$list" | tr -s ' \t' '\n\n' | grep -qxF "$symbol" && continue
    echo "$symbol: not in $list"
    bad=1
  done
  exit $bad
}
