// Keep: what a successor needs of a shim that dies and the kernel would drop with it: descriptors, each with a few words,
// by name. They wait as messages in the queue of a socket pair whose two ends are pause's stdin and stdout: pause never
// looks, and as long as it lives they do. A successor takes both ends from pause (pidfd_getfd(2)).
//
//   name               fields       descriptors
//   "logs"             -            the parts of the log thread's journal
//   "users"            -            the pod's user namespace
//   "<container>"      Kept         see there: from its exec on, until its exit is written
//   "<container>.in"   -            writing end of its stdin, while it is open
//
// A shim may die between any two calls: then a message is there twice, and the later one holds. Main thread.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/sys/socket.h"
#include "container/plan.h"

namespace cradle::shim {

class Keep {
 public:
  // For a pause that is about to start.
  static Result<Keep> Make();
  // Of one that runs.
  static Result<Keep> TakeFrom(FdRef pause);
  FdRef in() const { return in_; }
  FdRef out() const { return out_; }

  struct Item {
    std::string fields;
    std::vector<UniqueFd> fds;
  };
  Result<> Put(const std::string& name, std::string_view fields, const std::vector<FdRef>& fds);
  // What isn't there is fine.
  void Drop(const std::string& name);
  // Everything, which stays.
  Result<std::map<std::string, Item>> Look();

 private:
  UniqueFd in_, out_;
  std::deque<std::string> names_;  // as they wait
};

// A container that runs.
struct Kept {
  std::string cgroup_v2, log_path, oom_file;
  bool oom_below = false;
  uint64_t oom_baseline = 0;
  bool keep_stdin = false, stdin_once = false;
  std::vector<std::pair<std::string, std::string>> view_places;
  container::ResolvedUser user;
  pid_t pid = 0;
  int64_t started_at = 0;
  uint32_t log_slot = 0;
  UniqueFd pidfd;
  UniqueFd out, err;   // reading ends of its pipes
  UniqueFd terminal;   // or the master
  UniqueFd views;      // its FUSE connection, when it has views

  Result<> Put(Keep& keep, const std::string& id) const;
  static Result<Kept> From(Keep::Item item);
};

}  // namespace cradle::shim
