// Reads a file as tokens through a fixed buffer: lines of any length, no allocation. A token that
// doesn't fit, or has a zero byte in it, is cut and says so; it then equals nothing.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace cradle::init {

class Reader {
 public:
  // `limit`: bytes read at most. The descriptor is somebody else's.
  Reader(int fd, size_t limit) noexcept : fd_(fd), left_(limit) {}

  // The token up to one of `delimiters` or the end of the line, without it. What ended it: end().
  // False at the end of the file.
  bool Next(const char* delimiters) noexcept {
    size_ = 0;
    cut_ = false;
    for (bool any = false;; any = true) {
      int c = Get();
      if (c < 0 && !any) return false;
      if (c < 0 || c == '\n' || (c && strchr(delimiters, c))) {
        end_ = c < 0 ? '\n' : static_cast<char>(c);
        token_[size_] = 0;
        return true;
      }
      if (c && size_ + 1 < sizeof token_)
        token_[size_++] = static_cast<char>(c);
      else
        cut_ = true;
    }
  }
  void SkipLine() noexcept {
    while (end_ != '\n' && Next("")) {
    }
  }
  const char* token() const { return token_; }
  bool Is(const char* text) const { return !cut_ && strcmp(token_, text) == 0; }
  bool cut() const { return cut_; }
  char end() const { return end_; }
  int err() const { return err_; }  // 0, or why reading stopped (EFBIG: the limit)

 private:
  int Get() noexcept {
    if (at_ == filled_ && !Fill()) return -1;
    return static_cast<unsigned char>(buffer_[at_++]);
  }
  bool Fill() noexcept {
    ssize_t got;
    do got = read(fd_, buffer_, sizeof buffer_);
    while (got < 0 && errno == EINTR);
    if (got < 0) err_ = errno;
    if (got > 0 && static_cast<size_t>(got) > left_) err_ = EFBIG;
    if (got <= 0 || err_) return false;
    left_ -= static_cast<size_t>(got);
    at_ = 0;
    filled_ = static_cast<size_t>(got);
    return true;
  }

  int fd_;
  size_t left_;
  int err_ = 0;
  bool cut_ = false;
  char end_ = '\n';
  size_t size_ = 0, at_ = 0, filled_ = 0;
  char token_[512];
  char buffer_[2048];
};

}  // namespace cradle::init
