#include "base/sys/pipe.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "base/sys/file.h"

namespace cradle::sys {

constexpr size_t kPage = 4096;

Result<size_t> Splice(FdRef from, FdRef to, size_t most) {
  ssize_t moved;
  do {
    moved = ::splice(from.get(), nullptr, to.get(), nullptr, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  } while (moved < 0 && errno == EINTR);
  if (moved < 0) return Error::FromErrno(errno, "splice");
  return static_cast<size_t>(moved);
}

Result<size_t> PipeHolds(FdRef pipe) {
  int bytes = 0;
  if (::ioctl(pipe.get(), FIONREAD, &bytes) < 0) return Error::FromErrno(errno, "FIONREAD");
  return static_cast<size_t>(bytes);
}

Result<SharedMemory> SharedMemory::Map(FdRef memfd, size_t size) {
  TRYV(Ftruncate(memfd, static_cast<off_t>(size)));
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd.get(), 0);
  if (memory == MAP_FAILED) return Error::FromErrno(errno, "mmap");
  SharedMemory out;
  out.data_ = static_cast<char*>(memory);
  out.size_ = size;
  return out;
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (data_) ::munmap(data_, size_);
}

void SharedMemory::Release(size_t from, size_t to) {
  from = (from + kPage - 1) / kPage * kPage;
  to = to / kPage * kPage;
  if (from < to) ::madvise(data_ + from, to - from, MADV_REMOVE);
}

}  // namespace cradle::sys
