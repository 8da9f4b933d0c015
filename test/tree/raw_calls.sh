#!/bin/sh
# raw_calls.sh TREE: no call named in raw_calls.txt outside src/base/sys, src/container/init and src/pause.
set -eu
list=$(cd "$(dirname "$0")" && pwd)/raw_calls.txt
cd "$1"
find src \( -path src/base/sys -o -path src/container/init -o -path src/pause \) -prune \
    -o \( -name '*.h' -o -name '*.cpp' \) -print | sort | xargs awk '
  FILENAME == list { sub(/#.*/, ""); for (i = 1; i <= NF; i++) banned[$i]; next }
  {
    line = $0
    gsub(/\\./, "", line)                 # escapes first, so that a quote in a string does not end it
    gsub(/"[^"]*"/, "\"\"", line)
    sub(/\/\/.*/, "", line)
    if (match(line, /auto [a-z_]+ = \[/)) ours[FILENAME, substr(line, RSTART + 5, RLENGTH - 9)]  # a lambda
    # An identifier before "(" that is neither a member nor in a namespace other than the global one.
    while (match(line, /[A-Za-z_][A-Za-z0-9_]*\(/)) {
      name = substr(line, RSTART, RLENGTH - 1)
      before = substr(line, 1, RSTART - 1)
      line = substr(line, RSTART + RLENGTH)
      if (!(name in banned) || (FILENAME, name) in ours) continue
      if (before ~ /(\.|->)$/) continue
      # `Type name(...)` declares; `return name(...)` calls.
      if (before ~ /[A-Za-z0-9_] +$/ && before !~ /(^|[^A-Za-z0-9_])(return|else|do|throw|case|and|or|not) +$/) continue
      if (before ~ /[A-Za-z0-9_>]::$/) continue
      print FILENAME ":" FNR ": " name "() belongs in src/base/sys"
      bad = 1
    }
  }
  END { exit bad }
' list="$list" "$list"
