// AttachSession: a client that sees a running container's output as it comes and may type into its stdin. It gets what
// is written from now on; the log goes its own way. A client that reads too slowly is let go.
//
// The end of its input: with stdin_once (and no terminal) it is the end of the container's stdin, and the output goes
// on; else the client leaves, and the container's stdin stays open for the next one.
#pragma once

#include <memory>
#include <string>

#include "logs/tap.h"
#include "shim/session.h"
#include "streaming/command.h"

namespace cradle::shim {

class AttachSession final : public Session, private streaming::CommandClient::Handler {
 public:
  AttachSession(Services& services, streaming::SessionPlan plan, std::shared_ptr<Container> container,
                UniqueFd socket, Over over);
  Result<> Begin() override { WatchIdle(); return client_->Begin(plan_); }
  void End(std::string_view why) override { Finish(streaming::Status::Failed(why)); }
  bool all_sent() const override { return client_->connection().all_sent(); }

 private:
  void OnReady() override;
  void OnInput(std::string_view bytes) override;
  void OnInputEnd() override;
  void OnResize(streaming::Size size) override { container_->SetWindowSize(size.width, size.height); }
  void OnRoom() override { SendOutput(); }
  void OnGone(std::string_view why) override;
  void SendOutput();
  bool SendPiece(logs::Stream stream);
  void Leave();
  void Finish(const streaming::Status& status);

  const std::shared_ptr<Container> container_;
  const std::unique_ptr<streaming::CommandClient> client_;
  std::shared_ptr<streaming::Sink> input_;
  std::shared_ptr<logs::Tap> tap_;
  logs::Tap::Taken taken_;              // being sent
  size_t sent_[logs::kStreams] = {};    // of taken_
  bool finished_ = false;
};

}  // namespace cradle::shim
