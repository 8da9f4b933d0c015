// PullStream: one Debug.PullImage. The pull runs in the pool; what it tells is kept as the newest
// state of each layer and written one message at a time, so a slow client never slows the pull and
// memory is bounded by the layers. The stream's end, or its client's, ends the object; a client
// that goes stops the pull.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "cradle/debug.grpc.pb.h"
#include "cri/backend.h"

namespace cradle::cri {

class PullStream final : public grpc::ServerWriteReactor<v1::PullImageProgress> {
 public:
  static PullStream* Begin(Backend& backend, const v1::PullImageRequest& request);

 private:
  void Tell(const image::Progress& progress);
  void End(const Result<std::shared_ptr<const image::Image>>& image);
  // The next message, or the end; with the mutex held.
  void Step();

  void OnWriteDone(bool ok) override;
  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { self_.reset(); }

  std::shared_ptr<PullStream> self_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::deque<v1::PullImageProgress> waiting_;  // at most one of each layer
  v1::PullImageProgress writing_;
  bool busy_ = false;
  bool finished_ = false;
  std::optional<grpc::Status> end_;
};

}  // namespace cradle::cri
