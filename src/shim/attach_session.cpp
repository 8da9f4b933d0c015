#include "shim/attach_session.h"

#include "base/log.h"
#include "streaming/spdy.h"

namespace cradle::shim {

using streaming::Channel;
using streaming::Status;

AttachSession::AttachSession(Services& services, streaming::SessionPlan plan, std::shared_ptr<Container> container,
                             UniqueFd socket, Over over)
    : Session(services, std::move(plan), std::move(over)),
      container_(std::move(container)),
      client_(streaming::CommandClient::Make(services_.loop, services_.scratch, plan_, std::move(socket), *this)) {}

void AttachSession::OnReady() {
  if (container_->state() != Container::State::kRunning) return Finish(Status::Failed("the container is not running"));
  if (plan_.streams.in) input_ = container_->Input();
  std::weak_ptr<Session> weak = weak_from_this();
  tap_ = std::make_shared<logs::Tap>([&loop = services_.loop, weak] {
    loop.Post([weak] {
      if (auto self = weak.lock()) static_cast<AttachSession&>(*self).SendOutput();
    });
  });
  container_->AddTap(tap_);
}

void AttachSession::OnInput(std::string_view bytes) {
  Touch();
  if (!input_) return;
  input_->Write(bytes);
  if (!input_->full()) return;
  client_->connection().PauseReading(true);
  input_->OnRoom(this, [this] { client_->connection().PauseReading(false); });
}

void AttachSession::OnInputEnd() {
  if (!container_->stdin_once() || container_->has_terminal()) return Finish(Status());
  if (input_) container_->EndInput();
}

// False when nothing of this stream is left.
bool AttachSession::SendPiece(logs::Stream stream) {
  auto index = static_cast<size_t>(stream);
  std::string_view rest = std::string_view(taken_.bytes[index]).substr(sent_[index]);
  if (rest.empty()) return false;
  std::string_view piece = rest.substr(0, streaming::spdy::kMaxData);
  sent_[index] += piece.size();
  client_->Output(stream == logs::Stream::kStdout ? Channel::kStdout : Channel::kStderr, piece);
  return true;
}

void AttachSession::SendOutput() {
  if (!tap_ || finished_) return;
  Touch();
  while (!client_->full()) {
    if (SendPiece(logs::Stream::kStdout) || SendPiece(logs::Stream::kStderr)) continue;
    if (taken_.overflowed) return Finish(Status::Failed("output was lost: the client reads too slowly"));
    if (taken_.ended) return Finish(Status());
    taken_ = tap_->Take();
    for (size_t& sent : sent_) sent = 0;
    if (taken_.bytes[0].empty() && taken_.bytes[1].empty() && !taken_.ended && !taken_.overflowed) return;
  }
}

void AttachSession::Leave() {
  if (input_) input_->Forget(this);
  input_.reset();
  if (tap_) container_->RemoveTap(tap_);
  tap_.reset();
}

void AttachSession::Finish(const Status& status) {
  if (std::exchange(finished_, true)) return;
  Leave();
  client_->Finish(status);
}

void AttachSession::OnGone(std::string_view why) {
  if (!finished_ && !why.empty()) log::Warning(Cat("attach session: ", why));
  finished_ = true;
  Leave();
  services_.scratch.Release(0, services_.scratch.size());
  TellOver();
}

}  // namespace cradle::shim
