// PageBuffer: memory of its own pages (mmap(2)), which cost nothing until they are touched and can be given back while
// the buffer stays. For buffers that are large for moments and idle for hours, and for what must outlive its writer. Owned
// by one thread.
#pragma once

#include <cstddef>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

class PageBuffer {
 public:
  PageBuffer() = default;
  static Result<PageBuffer> Map(size_t size);
  // A memfd's pages, which stay as long as anybody has the memfd. It is made `size` large.
  static Result<PageBuffer> MapShared(FdRef memfd, size_t size);
  PageBuffer(PageBuffer&& other) noexcept;
  PageBuffer& operator=(PageBuffer&& other) noexcept;
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;
  ~PageBuffer();

  char* data() const { return data_; }
  size_t size() const { return size_; }
  // Gives the whole pages in [from, to) back: they hold zeros then.
  void Release(size_t from, size_t to);

 private:
  static Result<PageBuffer> Map(size_t size, int flags, int fd);

  char* data_ = nullptr;
  size_t size_ = 0;
  bool shared_ = false;
};

}  // namespace cradle::sys
