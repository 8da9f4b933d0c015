// Steps: a chain of named actions. Each is timed, and may leave an undo; when one fails, the undos run newest first.
// After each step lies a crash point named "<chain>.<step>". One thread.
//
//   Steps steps("run_pod", laps);
//   TRYV(steps.Do("record", [&] { return WriteRecord(); }, [&] { return RemoveRecord(); }));
//   ...
//   steps.Commit();
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "base/result.h"
#include "base/undo.h"

namespace cradle::sandbox {

using Laps = std::vector<std::pair<std::string, int64_t>>;  // name, microseconds

class Steps {
 public:
  Steps(std::string chain, Laps& laps) : chain_(std::move(chain)), laps_(laps) {}

  // `undo` is kept before `action` runs: a step that fails half way is undone too.
  Result<> Do(const char* name, const std::function<Result<>()>& action, std::function<Result<>()> undo = nullptr) {
    auto begin = std::chrono::steady_clock::now();
    if (undo) undo_.Add(Cat("undo ", name), std::move(undo));
    Result<> done = action();
    auto took = std::chrono::steady_clock::now() - begin;
    laps_.emplace_back(name, std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    TRYV(std::move(done).With(name));
    return CrashPoint(Cat(chain_, ".", name));
  }
  void Commit() { undo_.Commit(); }
  // What could not be undone, a sentence each. Called at most once; the destructor undoes what is left.
  std::vector<std::string> UndoAll() { return undo_.Run(); }

 private:
  std::string chain_;
  Laps& laps_;
  Undo undo_;
};

}  // namespace cradle::sandbox
