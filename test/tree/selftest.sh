#!/bin/sh
# Each check passes on a small good tree and fails, naming file and line, on a bad one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

fresh() {
  rm -rf "$tree/src"
  mkdir -p "$tree/src/base/sys" "$tree/src/cri" "$tree/src/image" "$tree/src/container/init" "$tree/src/ctl"
  printf '#include "base/fd.h"\n#include "cri/api.pb.h"\n#include <grpcpp/grpcpp.h>\n' > "$tree/src/cri/good.cpp"
  printf '#include "container/init/run.h"\nint x = open(0, 0);\n' > "$tree/src/container/init/good.cpp"
  printf '// open(2) and "fork()"\nauto f = s.open(1) + p->kill(2) + std::bind(3) + "close(\\")";\n' > "$tree/src/image/good.cpp"
  printf 'auto read = [](int) { return 1; };\nint z = read(2);\nstd::stop_callback kill(token);\n' > "$tree/src/image/lambda.cpp"
  printf 'int y = ::open("p", 0);\n' > "$tree/src/base/sys/good.cpp"
}
# expect_fail CHECK WHERE: the check fails and prints a line that begins with WHERE.
expect_fail() {
  if out=$("$here/$1" "$tree"); then echo "$1 accepted $2"; failed=1
  elif ! printf '%s\n' "$out" | grep -qF "$2"; then echo "$1 did not name $2 but: $out"; failed=1
  fi
}
# bad CHECK FILE LINE TEXT: a good tree with FILE, whose line LINE is at fault, fails.
bad() {
  fresh
  mkdir -p "$tree/$(dirname "$2")"
  printf "$4" > "$tree/$2"
  expect_fail "$1" "$2:$3:"
  rm -f "$tree/$2"
}

fresh
for check in layers raw_calls alone; do
  "$here/$check.sh" "$tree" || { echo "$check.sh refuses a good tree"; failed=1; }
done

bad layers.sh src/image/bad.cpp 2 '#include "base/fd.h"\n#include "cri/x.h"\n'
bad layers.sh src/base/bad.h 1 '#include "image/x.h"\n'
bad layers.sh src/container/init/bad.h 1 '#include "base/fd.h"\n'
bad layers.sh src/container/bad.h 1 '#include "container/init/x.h"\n'
bad layers.sh src/sandbox/bad.h 1 '#include "shim/launch.h"\n'
bad layers.sh src/sandbox/bad.h 1 '#include "cri/api.pb.h"\n'
bad layers.sh src/image/bad.h 1 '#include <google/protobuf/message.h>\n'
bad layers.sh src/image/bad.h 1 '#include "x.h"\n'
bad layers.sh src/unheard/bad.h 1 'int x;\n'
bad raw_calls.sh src/image/bad.cpp 1 'int f = ::open("x", 0);\n'
bad raw_calls.sh src/image/bad.cpp 2 '\nif (fork() == 0) return;\n'
bad raw_calls.sh src/image/bad.cpp 1 'int f() { return open("x", 0); }\n'
bad raw_calls.sh src/cri/bad.cpp 1 'auto s = "a\\"b"; syscall(SYS_x); // "\n'
bad alone.sh src/image/bad.cc 1 'int x;\n'
bad alone.sh src/image/bad.cpp 1 'a\000b'
bad alone.sh src/image/bad.h 1 '// see /wo''rk/shop\n'
bad alone.sh src/image/bad.h 1 '// see ../sha''red\n'

printf 'extern "C" int puts(const char*); extern "C" int getpid(); int Run() { return puts("x") + getpid(); }' |
  "${CXX:-c++}" -x c++ -c -o "$tree/bad.o" -
printf 'puts  # allowed\n' > "$tree/list"
if out=$("$here/child_symbols.sh" "$tree/list" "$tree/bad.o"); then echo "child_symbols.sh accepted getpid"; failed=1; fi
printf '%s\n' "$out" | grep -q '^getpid:' || { echo "child_symbols.sh did not name getpid but: $out"; failed=1; }
printf 'puts getpid\n' > "$tree/list"
"$here/child_symbols.sh" "$tree/list" "$tree/bad.o" || { echo "child_symbols.sh refuses allowed symbols"; failed=1; }

exit $failed
