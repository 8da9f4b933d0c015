// Call: a unary call that is answered later, by whichever comes first: its result, or the end of
// its client (also the server's shutdown), which answers CANCELLED while the work itself goes on.
// Kept alive by its callbacks and, until it is done, by itself. Any thread. What fails is logged
// here, once.
//
// Answer: the short form, for what is known at once. Not logged: the kubelet asks for what is gone
// all the time.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/clock.h"
#include "base/result.h"
#include "cri/status.h"

namespace cradle::cri {

class Call : public grpc::ServerUnaryReactor {
 public:
  // `what`: for the log, "StopContainer 0123456789ab"; `success`: the level at which success is
  // told. `cancelled` runs when the client goes first.
  static std::shared_ptr<Call> Begin(std::string what, log::Level success = log::Level::kInfo,
                                     std::function<void()> cancelled = {});

  // Fills the response by `fill(value)` and answers OK, or answers the error. Nothing happens when
  // the call has been answered before: then the response is gone too.
  template <class T, class Fill>
  void Complete(Result<T> result, Fill fill) {
    if (!Claim()) return;
    if (result.ok()) fill(*result);
    Report(result.ok() ? nullptr : &result.error());
  }
  void Complete(const Result<>& result) {
    if (Claim()) Report(result.ok() ? nullptr : &result.error());
  }
  // Waits until no call is under way; false at the deadline.
  static bool WaitForAll(Deadline deadline);

  grpc::ServerUnaryReactor* Fail(const Error& error) {
    if (Claim()) Report(&error);
    return this;
  }

 private:
  bool Claim() { return !claimed_.exchange(true); }
  void Report(const Error* error);
  void OnCancel() override;
  void OnDone() override;

  std::string what_;
  log::Level success_ = log::Level::kInfo;
  std::function<void()> cancelled_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::atomic<bool> claimed_ = false;
  std::shared_ptr<Call> self_;
};

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const Result<>& result = {});

}  // namespace cradle::cri
