// One run of a program of somebody else's: its own process group, input on stdin, at most 1 MiB of stdout, the last 4 KiB of
// stderr. Past the deadline the whole group is killed and the program reaped. Blocks the caller; any thread. The child is
// this call's alone: found, waited for and reaped by its pidfd.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/sys/process.h"

namespace cradle {

struct ProgramRun {
  std::string program;            // a path
  std::vector<std::string> args;  // with argv[0]
  std::vector<std::string> env;   // whole
  std::string input;
};

struct ProgramEnd {
  Result<sys::Exit> exit;         // kDeadlineExceeded, kOutOfRange, or why it wasn't started
  std::string output, errors;
};

ProgramEnd RunProgram(const ProgramRun& run, Deadline deadline);

}  // namespace cradle
