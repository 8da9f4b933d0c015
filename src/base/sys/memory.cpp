#include "base/sys/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "base/sys/file.h"

namespace cradle::sys {

constexpr size_t kPage = 4096;

Result<PageBuffer> PageBuffer::Map(size_t size, int flags, int fd) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, fd, 0);
  if (memory == MAP_FAILED) return Error::FromErrno(errno, "mmap");
  PageBuffer out;
  out.data_ = static_cast<char*>(memory);
  out.size_ = size;
  out.shared_ = flags & MAP_SHARED;
  return out;
}

Result<PageBuffer> PageBuffer::Map(size_t size) {
  PageBuffer out = TRY(Map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  // A huge page for a few bytes of log would be all there is to a shim's memory.
  ::madvise(out.data_, size, MADV_NOHUGEPAGE);
  return out;
}

Result<PageBuffer> PageBuffer::MapShared(FdRef memfd, size_t size) {
  TRYV(Ftruncate(memfd, static_cast<off_t>(size)));
  return Map(size, MAP_SHARED, memfd.get());
}

PageBuffer::PageBuffer(PageBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), shared_(other.shared_) {}

PageBuffer& PageBuffer::operator=(PageBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(shared_, other.shared_);
  return *this;
}

PageBuffer::~PageBuffer() {
  if (data_) ::munmap(data_, size_);
}

void PageBuffer::Release(size_t from, size_t to) {
  from = (from + kPage - 1) / kPage * kPage;
  to = to / kPage * kPage;
  // MADV_DONTNEED would only unmap a memfd's pages: they would stay in it.
  if (from < to) ::madvise(data_ + from, to - from, shared_ ? MADV_REMOVE : MADV_DONTNEED);
}

}  // namespace cradle::sys
