// HeldPipe: a pipe whose lock is held: a thread of the test's sleeps inside write(2), since the memory that it writes
// from isn't given by userfaultfd(2). So does who splices into it from a file that doesn't answer.
#pragma once

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <thread>

#include "base/fd.h"

namespace cradle::test {

class HeldPipe {
 public:
  // `path`: of a writing end, as in /proc/PID/fd. When it returns the lock is held.
  explicit HeldPipe(const std::string& path) {
    pipe_ = UniqueFd(Must(::open(path.c_str(), O_WRONLY | O_CLOEXEC), path.c_str()));
    faults_ = UniqueFd(Must(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)), "userfaultfd"));
    uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
    Must(::ioctl(faults_.get(), UFFDIO_API, &api), "UFFDIO_API");
    memory_ = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Must(memory_ == MAP_FAILED ? -1 : 0, "mmap");
    uffdio_register all{.range = Range(), .mode = UFFDIO_REGISTER_MODE_MISSING, .ioctls = 0};
    Must(::ioctl(faults_.get(), UFFDIO_REGISTER, &all), "UFFDIO_REGISTER");
    writing_ = std::jthread([this] { (void)!::write(pipe_.get(), memory_, 1); });
    pollfd fault{faults_.get(), POLLIN, 0};
    Must(::poll(&fault, 1, -1), "poll");
  }
  ~HeldPipe() {
    Release();
    ::munmap(memory_, kSize);
  }
  // What is written is one zero.
  void Release() {
    if (!writing_.joinable()) return;
    uffdio_zeropage given{.range = Range(), .mode = 0, .zeropage = 0};
    ::ioctl(faults_.get(), UFFDIO_ZEROPAGE, &given);
    writing_.join();
    pipe_.Reset();
  }

 private:
  static constexpr size_t kSize = 4096;
  static int Must(int result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::to_string(errno));
    return result;
  }
  uffdio_range Range() const { return {reinterpret_cast<__u64>(memory_), kSize}; }

  UniqueFd pipe_, faults_;
  void* memory_ = nullptr;
  std::jthread writing_;
};

}  // namespace cradle::test
