#include "base/sys/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

namespace cradle::sys {

constexpr size_t kPage = 4096;

Result<PageBuffer> PageBuffer::Map(size_t size) {
  void* memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return Error::FromErrno(errno, "mmap");
  // A huge page for a few bytes of log would be all there is to a shim's memory.
  ::madvise(memory, size, MADV_NOHUGEPAGE);
  PageBuffer out;
  out.data_ = static_cast<char*>(memory);
  out.size_ = size;
  return out;
}

PageBuffer::PageBuffer(PageBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

PageBuffer& PageBuffer::operator=(PageBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

PageBuffer::~PageBuffer() {
  if (data_) ::munmap(data_, size_);
}

void PageBuffer::Release(size_t keep) {
  size_t from = (keep + kPage - 1) / kPage * kPage;
  if (from < size_) ::madvise(data_ + from, size_ - from, MADV_DONTNEED);
}

}  // namespace cradle::sys
