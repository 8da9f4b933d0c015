// PageBuffer: memory of its own pages (mmap(2)), which cost nothing until they are touched and can be given back while
// the buffer stays. For buffers that are large for moments and idle for hours. Owned by one thread.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace cradle::sys {

class PageBuffer {
 public:
  PageBuffer() = default;
  static Result<PageBuffer> Map(size_t size);
  PageBuffer(PageBuffer&& other) noexcept;
  PageBuffer& operator=(PageBuffer&& other) noexcept;
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;
  ~PageBuffer();

  char* data() { return data_; }
  size_t size() const { return size_; }
  // Gives all pages after the first `keep` bytes back (MADV_DONTNEED): what they held is lost.
  void Release(size_t keep);

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace cradle::sys
