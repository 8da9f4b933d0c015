// UniqueFd owns a file descriptor; FdRef is one that somebody else owns, for as long as the call lasts.
// Descriptors are made by sys:: (always close-on-exec). Any thread, no sharing.
#pragma once

#include <utility>

namespace cradle {

class FdRef {
 public:
  constexpr FdRef() = default;
  constexpr explicit FdRef(int fd) : fd_(fd) {}
  constexpr int get() const { return fd_; }
  constexpr bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// AT_FDCWD as an FdRef.
inline constexpr FdRef kCwd{-100};

class [[nodiscard]] UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  FdRef ref() const { return FdRef(fd_); }
  operator FdRef() const& { return FdRef(fd_); }
  operator FdRef() && = delete;  // the reference would outlive the descriptor

  // Gives the number away; the caller owns it now. Rare: grep for it.
  int Release() { return std::exchange(fd_, -1); }
  // Closes. On Linux the number is free even when close() fails, so there is nothing to retry.
  void Reset() noexcept;

 private:
  int fd_ = -1;
};

}  // namespace cradle
