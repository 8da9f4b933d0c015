#include "streaming/command_spdy.h"

#include <algorithm>

namespace cradle::streaming {
namespace {

constexpr seconds kCreationTime{30};
constexpr size_t kMaxEarly = 64 * 1024;

int ChannelOf(std::string_view type) {
  static constexpr std::string_view kNames[] = {"stdin", "stdout", "stderr", "error", "resize"};
  auto found = std::find(std::begin(kNames), std::end(kNames), type);
  return found == std::end(kNames) ? -1 : static_cast<int>(found - kNames);
}

// The first two protocols know no resize stream.
bool HasResize(std::string_view protocol) {
  return protocol != "channel.k8s.io" && protocol != "v2.channel.k8s.io";
}

}  // namespace

SpdyCommand::SpdyCommand(EventLoop& loop, sys::PageBuffer& scratch, const SessionPlan& plan, UniqueFd socket,
                         CommandClient::Handler& handler)
    : loop_(loop),
      handler_(handler),
      protocol_(plan.protocol),
      connection_(loop, std::move(socket), scratch, *this),
      expected_{plan.streams.in, plan.streams.out, plan.streams.err, true,
                plan.streams.tty && HasResize(plan.protocol)} {}

Result<> SpdyCommand::Begin(const SessionPlan& plan) {
  creation_ = loop_.RunAt(After(kCreationTime), [this] {
    connection_.Abort();
    OnGone("the client doesn't open its streams");
  });
  connection_.KeepAlive(spdy::Ping(spdy::kOwnPing));
  return connection_.Begin(plan.answer, plan.leftover);
}

void SpdyCommand::OnBytes(char* data, size_t size) {
  auto fed = parser_.Feed({data, size});
  if (fed.ok() || connection_.over()) return;
  connection_.Abort();
  OnGone(fed.error().text());
}

void SpdyCommand::OnGone(std::string_view why) {
  creation_.Cancel();
  handler_.OnGone(why);
}

void SpdyCommand::OnStream(uint32_t id, const spdy::Headers& headers) {
  if (connection_.over()) return;
  int channel = ChannelOf(spdy::Find(headers, "streamtype"));
  if (channel < 0 || !expected_[channel] || ids_[channel] != 0)
    return connection_.Write(spdy::Reset(id, spdy::kRefused));
  connection_.Write(spdy::SynReply(id, last_id_ == 0));
  ids_[channel] = last_id_ = id;
  for (int i = 0; i < kChannels; ++i)
    if (expected_[i] && ids_[i] == 0) return;
  if (!ready_) BecomeReady();
}

void SpdyCommand::BecomeReady() {
  creation_.Cancel();
  ready_ = true;
  handler_.OnReady();
  if (early_size_) handler_.OnResize(*early_size_);
  if (!early_.empty()) handler_.OnInput(std::exchange(early_, {}));
  if (input_ended_) handler_.OnInputEnd();
}

void SpdyCommand::OnData(uint32_t id, std::string_view bytes, bool fin) {
  if (connection_.over()) return;
  if (id == this->id(Channel::kStdin) && !input_ended_) {
    if (!bytes.empty()) TakeInput(bytes);
    if (fin && !connection_.over()) EndInput();
  } else if (id == this->id(Channel::kResize)) {
    auto size = resize_.Feed(bytes);
    if (size && ready_) handler_.OnResize(*size);
    if (size && !ready_) early_size_ = size;
  }
}

void SpdyCommand::TakeInput(std::string_view bytes) {
  if (ready_) return handler_.OnInput(bytes);
  early_.append(bytes);
  if (early_.size() <= kMaxEarly) return;
  connection_.Abort();
  OnGone("the client sends input instead of opening its streams");
}

void SpdyCommand::OnReset(uint32_t id) {
  if (!connection_.over() && id == this->id(Channel::kStdin)) EndInput();
}

void SpdyCommand::EndInput() {
  if (!std::exchange(input_ended_, true) && ready_) handler_.OnInputEnd();
}

void SpdyCommand::OnPing(uint32_t id) { connection_.Write(spdy::Ping(id)); }

void SpdyCommand::Output(Channel channel, std::string_view bytes) {
  if (uint32_t stream = id(channel)) connection_.Write(spdy::DataHead(stream, bytes.size(), false), bytes);
}

// The status goes before the ends of the outputs: a client that has those may not wait for it.
void SpdyCommand::Finish(const Status& status) {
  std::string text = FormatStatus(status, protocol_);
  if (uint32_t error = id(Channel::kError)) connection_.Write(spdy::DataHead(error, text.size(), true), text);
  for (Channel channel : {Channel::kStdout, Channel::kStderr})
    if (uint32_t stream = id(channel)) connection_.Write(spdy::DataHead(stream, 0, true));
  connection_.Write(spdy::GoAway(last_id_));
  connection_.Finish();
}

}  // namespace cradle::streaming
