#include "streaming/sink.h"

#include <cerrno>

#include "base/sys/file.h"

namespace cradle::streaming {

void Sink::Write(std::string_view bytes) {
  if (!fd_.valid() || ending_ || bytes.empty()) return;
  while (pending_.empty() && !bytes.empty()) {
    auto written = sys::Write(fd_, bytes.data(), bytes.size());
    if (!written.ok() && written.error().err() == EAGAIN) break;
    if (!written.ok()) return Close();
    bytes.remove_prefix(*written);
  }
  if (bytes.empty()) return;
  pending_.append(bytes);
  was_full_ = was_full_ || full();
  if (watch_.active()) return;
  auto watch = loop_.Add(fd_, EPOLLOUT, [this](uint32_t) { OnWritable(); });
  if (!watch.ok()) return Close();
  watch_ = std::move(*watch);
}

void Sink::OnWritable() {
  auto written = sys::Write(fd_, pending_.data() + written_, pending_.size() - written_);
  if (!written.ok() && written.error().err() == EAGAIN) return;
  if (!written.ok()) return Close();
  written_ += *written;
  if (written_ < pending_.size()) return;
  pending_ = std::string();
  written_ = 0;
  watch_.Reset();
  FinishWhenEmpty();
  if (!std::exchange(was_full_, false)) return;
  auto calls = room_;  // a call may forget itself
  for (auto& [key, call] : calls)
    if (room_.count(key)) call();
}

void Sink::End(std::function<void(FdRef)> end) {
  if (!fd_.valid() || ending_) return;
  ending_ = true;
  end_ = std::move(end);
  FinishWhenEmpty();
}

void Sink::FinishWhenEmpty() {
  if (!ending_ || !pending_.empty()) return;
  if (end_)
    std::exchange(end_, nullptr)(fd_);
  else
    Close();
}

void Sink::Close() {
  watch_.Reset();
  pending_ = std::string();
  written_ = 0;
  fd_.Reset();
  if (!std::exchange(was_full_, false)) return;
  auto calls = room_;
  for (auto& [key, call] : calls)
    if (room_.count(key)) call();
}

}  // namespace cradle::streaming
