#include "ctl/stdin_reader.h"

#include <unistd.h>

#include <cerrno>

#include "base/sys/file.h"

namespace cradle::ctl {
namespace {

constexpr FdRef kStdin{STDIN_FILENO};
constexpr size_t kBuffer = 64 * 1024;

}  // namespace

Result<> StdinReader::Begin() {
  buffer_ = TRY(sys::PageBuffer::Map(kBuffer));
  auto watch = loop_.Add(kStdin, EPOLLIN, [this](uint32_t) { Read(); });
  file_ = !watch.ok() && watch.error().err() == EPERM;  // as epoll_ctl(2) says of files
  if (file_) return ReadFile(), Result<>();
  watch_ = TRY(std::move(watch));
  return {};
}

void StdinReader::Pause() {
  paused_ = true;
  watch_.SetEvents(0);
}

void StdinReader::Resume() {
  if (!std::exchange(paused_, false) || ended_) return;
  watch_.SetEvents(EPOLLIN);
  if (file_) ReadFile();
}

void StdinReader::Read() {
  auto got = sys::Read(kStdin, buffer_.data(), buffer_.size());
  if (!got.ok() && got.error().err() == EAGAIN) return;
  ended_ = !got.ok() || *got == 0;
  if (ended_) watch_.Reset();
  take_(ended_ ? std::string_view() : std::string_view(buffer_.data(), *got));
}

void StdinReader::ReadFile() {
  next_ = loop_.RunAt(After(seconds(0)), [this] {
    Read();
    if (!paused_ && !ended_) ReadFile();
  });
}

}  // namespace cradle::ctl
