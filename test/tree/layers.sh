#!/bin/sh
# layers.sh TREE: every #include "..." below TREE/src is allowed by layers.txt. Prints file:line of each that isn't.
set -eu
table=$(cd "$(dirname "$0")" && pwd)/layers.txt
cd "$1"
find src -name '*.h' -o -name '*.cpp' | sort | xargs awk '
  function folder(path) {            # the longest row that is a folder of path
    while (sub(/\/[^\/]*$/, "", path)) if (path in row) return path
    return ""
  }
  function complain(text) { print FILENAME ":" FNR ": " text; bad = 1 }
  function check(target, shown) {
    if (target == mine || index(row[mine], " " target " ") || index(row[mine], " * ")) return
    if (index(row[mine], " " shown " ")) return
    complain(mine " may not include " shown " (" target ")")
  }
  FILENAME == table {
    sub(/#.*/, "")
    if (split($0, side, ":") == 2) { gsub(/[ \t]+/, " ", side[2]); row[side[1]] = side[2] " " }
    next
  }
  FNR == 1 {
    mine = folder(substr(FILENAME, 5))
    if (mine == "") { complain("its folder has no row in layers.txt"); nextfile }
  }
  /^[ \t]*#[ \t]*include[ \t]*</ {
    if ($0 ~ /<(grpc|grpcpp|google\/protobuf)\// || $0 ~ /\.pb\.h>/) check("api", "gRPC or protobuf")
  }
  /^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    path = part[2]
    if (path ~ /\.pb\.h$/) { check("api", path); next }
    target = folder(path)
    if (target == "") complain("\"" path "\" does not start from src/")
    else check(target, path)
  }
  END { exit bad }
' table="$table" "$table"
