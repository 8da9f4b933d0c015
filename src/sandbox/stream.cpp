// Streaming sessions: from a negotiated request to the pod's shim.
#include <fcntl.h>

#include <algorithm>

#include "base/sys/file.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

void AddTerm(std::vector<std::string>& env) {
  bool has = std::any_of(env.begin(), env.end(), [](const std::string& one) { return one.starts_with("TERM="); });
  if (!has) env.push_back("TERM=xterm");
}

}  // namespace

Result<container::ExecPlan> Node::PlanExec(const Container& one, std::vector<std::string> command, bool terminal) {
  const container::ContainerRecord& record = one.record();
  container::ExecPlan plan;
  plan.container_id = record.id.str();
  plan.process = TRY(container::BuildProcess(record, ContextOf(one.pod()), facts_, *seccomp_));
  plan.process.args = std::move(command);
  plan.process.terminal = terminal;
  plan.users = one.pod().record().spec.users;
  plan.process.resolved = one.view()->user;
  if (terminal) AddTerm(plan.process.env);
  plan.cgroup_join = groups_.Locate(record.cgroup).join_dirs;
  plan.cgroup_v2 = TRY(groups_.CreateExec(record.cgroup, Cat(kExecGroup, RandomHex64().substr(0, 16))));
  return plan;
}

Result<> Node::Stream(const std::string& id, std::vector<std::string> command, streaming::SessionPlan plan,
                      FdRef socket) {
  std::shared_ptr<shim::ShimClient> client;
  std::string cgroup;
  if (plan.kind == streaming::Kind::kPortForward) {
    client = TRY(TRY(store_.FindPod(id))->NeedShim());
  } else {
    ContainerRef one = TRY(store_.FindContainer(id));
    if (one->state() != State::kRunning) return FailedPrecondition(Cat("container ", id, " is not running"));
    client = TRY(one->pod().NeedShim());
    plan.container = one->id().str();
    if (plan.kind == streaming::Kind::kExec) {
      auto exec = TRY(PlanExec(*one, std::move(command), plan.streams.tty));
      cgroup = exec.cgroup_v2;
      plan.exec = exec.Encode();
    }
  }
  auto begun = client->Stream(plan, socket, After(kShimCall));
  if (!begun.ok() && !cgroup.empty()) (void)sys::UnlinkAt(kCwd, cgroup, AT_REMOVEDIR);
  return begun;
}

}  // namespace cradle::sandbox
