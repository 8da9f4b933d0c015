#!/bin/sh
# alone.sh TREE: what is committed is text, C++ files end in .cpp and .h, and nothing points outside the tree.
set -eu
cd "$1"
files=$(git -c safe.directory='*' ls-files 2>/dev/null) || files=
[ -n "$files" ] || files=$(find . -path ./build -prune -o -path ./.cache -prune -o -type f -print | sed 's,^\./,,')
bad=0
complain() { echo "$1"; bad=1; }

for file in $files; do
  [ -s "$file" ] || continue
  case $file in
    *.cc | *.cxx | *.c | *.hpp | *.hh) complain "$file:1: C++ files end in .cpp and .h" ;;
  esac
  grep -qI '' "$file" || complain "$file:1: a binary file"
done

# A path of one machine: it begins at the root. A folder of that name below another one is ours.
found=$(echo "$files" | xargs grep -nIE \
  '(^|[^A-Za-z0-9_.>})$*-])/(wor[k]|far[m])/[a-z]|\.\./share[d]' /dev/null) || true
[ -z "$found" ] || complain "$found"
exit $bad
