// EventStream: one client of GetContainerEvents. Events wait in a queue of its own and are written one at a time; one
// that falls 4,096 behind is ended with RESOURCE_EXHAUSTED, and stalls nobody. Lives until its client goes or the
// server ends. Any thread; the events' lock goes before this one's.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "cri/api.grpc.pb.h"
#include "sandbox/runtime.h"

namespace cradle::cri {

class EventStream final : public grpc::ServerWriteReactor<runtime::v1::ContainerEventResponse> {
 public:
  static constexpr size_t kMaxBehind = 4096;

  static EventStream* Begin(sandbox::Runtime& runtime);

 private:
  void Take(const sandbox::EventPtr& event);
  void End(grpc::Status status);
  // The next event, or the end; with the mutex held.
  void Step();

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { delete this; }

  std::mutex mutex_;
  std::deque<sandbox::EventPtr> waiting_;
  runtime::v1::ContainerEventResponse writing_;
  bool busy_ = false;
  bool finished_ = false;
  std::optional<grpc::Status> end_;
  std::unique_ptr<sandbox::Events::Watch> watch_;  // ends first
};

}  // namespace cradle::cri
