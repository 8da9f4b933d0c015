// ExecSync and ReopenContainerLog. No thread of the daemon is held while a command runs.
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

// Beyond the command's own timeout: the shim's kill, drain and answer.
constexpr milliseconds kExecSlack{20'000};

Result<> NeedRunning(const Container& one) {
  if (one.state() == State::kRunning) return {};
  return FailedPrecondition(Cat("container ", one.id().str(), " is not running"));
}

}  // namespace

void Node::ExecSync(const std::string& id, std::vector<std::string> command, milliseconds timeout, std::stop_token stop,
                    Done<shim::ExecResult> done) {
  auto found = store_.FindContainer(id);
  if (!found.ok()) return done(std::move(found).With("exec").error());
  ContainerRef one = *found;
  auto run = [this, one, command = std::move(command), timeout, stop = std::move(stop), done = std::move(done)] {
    ExecNow(*one, command, timeout, stop, done);
  };
  // While its shim is being succeeded, behind that.
  LacksShim(one->pod()) ? PostServed(one->pod(), run) : run();
}

void Node::ExecNow(const Container& one, std::vector<std::string> command, milliseconds timeout, std::stop_token stop,
                   const Done<shim::ExecResult>& done) {
  auto begin = [&]() -> Result<> {
    TRYV(NeedRunning(one));
    auto client = TRY(one.pod().NeedShim());
    container::ExecPlan plan = TRY(PlanExec(one, std::move(command), false));
    plan.timeout_ms = static_cast<uint64_t>(timeout.count());
    Deadline deadline = timeout.count() > 0 ? After(timeout + kExecSlack) : Deadline::max();
    client->Exec(plan, deadline, std::move(stop), [done](Result<shim::ExecResult> result) {
      if (result.ok() && result->timed_out)
        return done(Error(Code::kDeadlineExceeded, "command timed out and was killed"));
      done(std::move(result));
    });
    return {};
  };
  Result<> begun = begin();
  if (!begun.ok()) done(std::move(begun).With("exec").error());
}

void Node::ReopenLog(const std::string& id, Done<> done) {
  auto found = store_.FindContainer(id);
  if (!found.ok()) return done(found.error());
  ContainerRef one = *found;
  auto run = [one, done = std::move(done)] {
    auto reopen = [&]() -> Result<> {
      TRYV(NeedRunning(*one));
      auto client = TRY(one->pod().NeedShim());
      return client->ReopenLog(one->id().str(), After(kShimCall));
    };
    done(reopen().With("reopen log"));
  };
  // Not in the pod's queue: rotation must not wait for a slow start or stop.
  LacksShim(one->pod()) ? PostServed(one->pod(), run) : pool_.Post(run);
}

}  // namespace cradle::sandbox
