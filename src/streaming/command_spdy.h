// An exec's or attach's client that speaks SPDY: one stream each for error, stdin, stdout, stderr and resize.
#pragma once

#include "streaming/command.h"
#include "streaming/spdy.h"

namespace cradle::streaming {

class SpdyCommand final : public CommandClient, private Connection::Handler, private spdy::Handler {
 public:
  SpdyCommand(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan, UniqueFd socket,
              CommandClient::Handler& handler);
  Result<> Begin(const SessionPlan& plan) override;
  void Output(Channel channel, std::string_view bytes) override;
  void Finish(const Status& status) override;
  Connection& connection() override { return connection_; }

 private:
  static constexpr int kChannels = 5;

  void OnBytes(char* data, size_t size) override;
  void OnRoom() override { handler_.OnRoom(); }
  void OnGone(std::string_view why) override;
  void OnStream(uint32_t id, const spdy::Headers& headers) override;
  void OnData(uint32_t id, std::string_view bytes, bool fin) override;
  void OnReset(uint32_t id) override;
  void OnPing(uint32_t id) override;
  void BecomeReady();
  void TakeInput(std::string_view bytes);
  void EndInput();
  uint32_t& id(Channel channel) { return ids_[static_cast<int>(channel)]; }

  EventLoop& loop_;
  CommandClient::Handler& handler_;
  const std::string protocol_;
  Connection connection_;
  spdy::Parser parser_{*this};
  bool expected_[kChannels] = {};
  uint32_t ids_[kChannels] = {};  // 0: not there
  uint32_t last_id_ = 0;
  bool ready_ = false;
  std::string early_;  // input that came before all streams were there
  std::optional<Size> early_size_;
  bool input_ended_ = false;
  ResizeReader resize_;
  EventLoop::Timer creation_;
};

}  // namespace cradle::streaming
