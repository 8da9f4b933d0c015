// Undo: what must happen if a chain of steps stops half way. Owned by the function that runs the chain, one thread.
// Entries run newest first, every one of them even if some fail; what failed comes back by name.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cradle {

class Undo {
 public:
  Undo() = default;
  Undo(Undo&&) = default;  // the entries go along
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() { (void)Run(); }

  void Add(std::string what, std::function<Result<>()> action) {
    entries_.push_back({std::move(what), std::move(action)});
  }
  // The chain succeeded: nothing is to be undone.
  void Commit() { entries_.clear(); }
  // Runs and forgets all entries. Returns one sentence per entry that failed.
  std::vector<std::string> Run() {
    std::vector<std::string> failed;
    while (!entries_.empty()) {
      Entry entry = std::move(entries_.back());
      entries_.pop_back();
      if (auto done = entry.action(); !done.ok())
        failed.push_back(Cat(entry.what, ": ", done.error().text()));
    }
    return failed;
  }

 private:
  struct Entry {
    std::string what;
    std::function<Result<>()> action;
  };
  std::vector<Entry> entries_;
};

}  // namespace cradle
