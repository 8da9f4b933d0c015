#include "cri/call.h"


#include <condition_variable>
#include <mutex>

namespace cradle::cri {
namespace {

// Calls begun and not done, of all services.
std::mutex g_mutex;
std::condition_variable g_done;
int g_under_way = 0;

void Count(int change) {
  std::lock_guard lock(g_mutex);
  g_under_way += change;
  if (g_under_way == 0) g_done.notify_all();
}

}  // namespace

bool Call::WaitForAll(Deadline deadline) {
  std::unique_lock lock(g_mutex);
  return g_done.wait_until(lock, deadline, [] { return g_under_way == 0; });
}

std::shared_ptr<Call> Call::Begin(std::string what, log::Level success,
                                  std::function<void()> cancelled) {
  auto call = std::make_shared<Call>();
  call->what_ = std::move(what);
  call->success_ = success;
  call->cancelled_ = std::move(cancelled);
  call->self_ = call;
  Count(+1);
  return call;
}

void Call::Report(const Error* error) {
  if (error != nullptr) {
    log::Warning(Cat(what_, ": ", error->text()));
    return Finish(ToStatus(*error));
  }
  auto took = std::chrono::steady_clock::now() - begun_;
  auto millis = std::chrono::duration_cast<milliseconds>(took).count();
  log::Write(success_, Cat(what_, ": done in ", std::to_string(millis), " ms"));
  Finish(grpc::Status::OK);
}

void Call::OnCancel() {
  if (!Claim()) return;
  if (cancelled_) cancelled_();
  log::Info(Cat(what_, ": the client has gone"));
  Finish({grpc::StatusCode::CANCELLED, "cancelled by the client"});
}

void Call::OnDone() {
  Count(-1);
  self_.reset();
}

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const Result<>& result) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(result.ok() ? grpc::Status::OK : ToStatus(result.error()));
  return reactor;
}

}  // namespace cradle::cri
