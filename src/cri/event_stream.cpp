#include "cri/event_stream.h"

#include "base/log.h"
#include "cri/describe.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;

EventStream* EventStream::Begin(sandbox::Runtime& runtime) {
  auto* stream = new EventStream();
  // The client sees that it is being told from here on.
  stream->StartSendInitialMetadata();
  stream->watch_ =
      runtime.WatchEvents([stream](const sandbox::EventPtr& event) { stream->Take(event); });
  return stream;
}

void EventStream::Take(const sandbox::EventPtr& event) {
  std::lock_guard lock(mutex_);
  if (end_) return;
  if (waiting_.size() == kMaxBehind) {
    std::string why = Cat("the client is ", std::to_string(kMaxBehind), " events behind");
    log::Warning(Cat("GetContainerEvents: ", why));
    return End({grpc::StatusCode::RESOURCE_EXHAUSTED, why});
  }
  waiting_.push_back(event);
  Step();
}

void EventStream::End(grpc::Status status) {
  waiting_.clear();
  end_ = std::move(status);
  Step();
}

void EventStream::Step() {
  if (busy_ || finished_) return;
  if (!waiting_.empty()) {
    busy_ = true;
    writing_ = DescribeEvent(*waiting_.front());
    waiting_.pop_front();
    StartWrite(&writing_);
  } else if (end_) {
    finished_ = true;
    Finish(*end_);
  }
}

void EventStream::OnWriteDone(bool ok) {
  std::lock_guard lock(mutex_);
  busy_ = false;
  if (!ok && !end_) return End({grpc::StatusCode::CANCELLED, "the client has gone"});
  Step();
}

void EventStream::OnCancel() {
  std::lock_guard lock(mutex_);
  if (!end_) End({grpc::StatusCode::CANCELLED, "the client has gone"});
}

grpc::ServerWriteReactor<pb::ContainerEventResponse>* RuntimeService::GetContainerEvents(
    grpc::CallbackServerContext*, const pb::GetEventsRequest*) {
  return EventStream::Begin(runtime_);
}

}  // namespace cradle::cri
