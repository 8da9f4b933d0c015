#include <algorithm>

#include "base/clock.h"
#include "cri/call.h"
#include "cri/check.h"
#include "cri/find.h"
#include "cri/limits.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

constexpr size_t kOutputBudget = kMaxMessage - 64;  // less the fields' heads and the exit code
constexpr int64_t kLongest = 365 * 24 * 3600;       // seconds

Result<> Check(const pb::ExecSyncRequest& request) {
  if (request.cmd().empty()) return Bad("cmd", "", "must not be empty");
  for (int i = 0; i < request.cmd_size(); ++i) TRYV(CheckNoNul(Indexed("cmd", i), request.cmd(i)));
  return CheckRange("timeout", request.timeout(), 0, kLongest);
}

Result<std::string> FindRunning(const sandbox::Runtime& runtime, const std::string& id) {
  auto container = TRY(FindContainer(runtime, id));
  if (container->state == sandbox::State::kRunning) return container->record->id.str();
  return FailedPrecondition(Cat("container_id: ", Quoted(id), ": the container is not running"));
}

// Both streams must fit in one message: each keeps its beginning, at least half of the message if
// it needs it.
void FitOutput(shim::ExecResult& result) {
  if (result.out.size() + result.err.size() <= kOutputBudget) return;
  size_t half = kOutputBudget / 2;
  size_t out = std::min(result.out.size(), kOutputBudget - std::min(half, result.err.size()));
  result.out.resize(out);
  result.err.resize(std::min(result.err.size(), kOutputBudget - out));
}

Result<shim::ExecResult> Judged(Result<shim::ExecResult> result) {
  if (!result.ok() || !result->timed_out) return result;
  return Error(Code::kDeadlineExceeded, "the command was killed: its time was up");
}

}  // namespace

grpc::ServerUnaryReactor* RuntimeService::ExecSync(grpc::CallbackServerContext*,
                                                   const pb::ExecSyncRequest* request,
                                                   pb::ExecSyncResponse* response) {
  std::stop_source stop;  // the command goes with its client
  auto call = Call::Begin(Cat("ExecSync ", request->container_id().substr(0, 12)), log::Level::kDebug,
                          [stop]() mutable { stop.request_stop(); });
  if (auto checked = Check(*request); !checked.ok()) return call->Fail(checked.error());
  auto id = FindRunning(runtime_, request->container_id());
  if (!id.ok()) return call->Fail(id.error());
  runtime_.ExecSync(*id, {request->cmd().begin(), request->cmd().end()},
                    seconds(request->timeout()), stop.get_token(), [call, response](Result<shim::ExecResult> answer) {
                      auto result = Judged(std::move(answer));
                      if (result.ok()) FitOutput(*result);
                      call->Complete(std::move(result), [&](shim::ExecResult& done) {
                        response->set_exit_code(done.exit_code);
                        response->set_stdout(std::move(done.out));
                        response->set_stderr(std::move(done.err));
                      });
                    });
  return call.get();
}

}  // namespace cradle::cri
