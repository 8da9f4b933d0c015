// Snapshots: the texts that readers are in the middle of. A read from the beginning gets a text that is at most
// kFresh old; the same reader's further reads go on in the text that it began with, however small its steps are. Few are
// kept: a reader whose text was pushed out goes on in the newest one. Not thread safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lxcfs/files.h"

namespace cradle::lxcfs {

class Snapshots {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Render = std::function<std::string(File)>;
  static constexpr std::chrono::milliseconds kFresh{10};

  // What reader `handle` (0: none in particular) of `file` sees from `offset` on. Valid until the next call.
  std::string_view Read(File file, uint64_t handle, uint64_t offset, Time now, const Render& render);
  // The size of the text that a read from the beginning gets now, and for as long as it is fresh.
  size_t Size(File file, Time now, const Render& render) { return Read(file, 0, 0, now, render).size(); }
  void Close(uint64_t handle);
  // Gives all memory back.
  void Clear();

 private:
  struct Snapshot {
    File file{};
    uint64_t handle = 0;  // 0: nobody's any more
    Time made;            // the clock's zero: none
    std::string text;
  };
  Snapshot* Of(File file, uint64_t handle);
  Snapshot* Newest(File file);
  // To be overwritten: nobody's, or the oldest.
  Snapshot& Place();

  std::array<Snapshot, 16> all_;
};

}  // namespace cradle::lxcfs
