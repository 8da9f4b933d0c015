// Pipes moved and looked at, and memory that outlives who writes it: what a log needs to lose nothing when its writer is
// killed. One function per system call.
#pragma once

#include <cstddef>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

// splice(2) without waiting: how much was moved from a pipe or a terminal into a pipe, 0 at its end. EAGAIN: nothing now.
Result<size_t> Splice(FdRef from, FdRef to, size_t most);
// How many bytes a pipe holds (FIONREAD).
Result<size_t> PipeHolds(FdRef pipe);

// A memfd's pages, mapped shared: what is written here stays for as long as anybody has the memfd. Pages that were never
// touched cost nothing.
class SharedMemory {
 public:
  SharedMemory() = default;
  // The memfd is made `size` large.
  static Result<SharedMemory> Map(FdRef memfd, size_t size);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  char* data() const { return data_; }
  // Gives the whole pages in [from, to) back (MADV_REMOVE): they hold zeros then.
  void Release(size_t from, size_t to);

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace cradle::sys
