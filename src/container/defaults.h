// What the node's configuration gives every container that doesn't say otherwise.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "container/plan.h"

namespace cradle::container {

struct Defaults {
  std::vector<std::string> env;  // "K=V"; the image's and the request's win
  std::vector<Rlimit> rlimits;
  std::string timezone_file;     // host path, bound on /etc/localtime; empty: none
};

// "nofile=1024:4096" (soft and hard), "core=0" (both), "memlock=unlimited". Names as in getrlimit(2), lower case.
Result<Rlimit> ParseRlimit(const std::string& text);
// "K=V" with a name and without a NUL byte.
Result<> CheckEnvEntry(const std::string& text);
// The zone's file on this node: "Local" is the node's own, "Europe/Berlin" one of /usr/share/zoneinfo, "" none. An error
// when it isn't there, or is none (tzfile(5)).
Result<std::string> FindTimezone(const std::string& name);

}  // namespace cradle::container
