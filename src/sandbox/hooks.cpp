// The hooks that CDI specifications bring: around a container's life, as the OCI runtime specification orders them.
#include <fcntl.h>

#include <cstdlib>
#include <future>
#include <nlohmann/json.hpp>

#include "base/sys/file.h"
#include "cdi/hooks.h"
#include "sandbox/injection.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

constexpr uint64_t kMaxSaid = 4 << 10;

// The OCI runtime specification, "State".
std::string OciState(const container::ContainerRecord& record, const char* status, pid_t pid, const std::string& bundle) {
  nlohmann::json state = {{"ociVersion", "1.0.2"}, {"id", record.id.str()}, {"status", status},
                          {"bundle", bundle},      {"annotations", record.spec.annotations}};
  if (pid > 0) state["pid"] = pid;
  return state.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The number of a process in the pid namespace that it is in.
Result<pid_t> PidInside(pid_t pid) {
  std::string status = TRY(sys::ReadFile(kCwd, Cat("/proc/", std::to_string(pid), "/status"), 64 << 10));
  size_t line = status.find("\nNSpid:");
  if (line == status.npos) return pid;
  size_t end = status.find('\n', line + 1);
  return std::atoi(status.c_str() + status.rfind('\t', end));
}

// As the container's own process will be.
Result<sys::Exit> RunInside(shim::ShimClient& client, const container::ExecPlan& plan, std::string& errors) {
  auto answer = std::make_shared<std::promise<Result<shim::ExecResult>>>();
  auto answered = answer->get_future();
  client.Exec(plan, After(milliseconds(plan.timeout_ms) + kShimCall), {},
              [answer](Result<shim::ExecResult> result) { answer->set_value(std::move(result)); });
  shim::ExecResult ran = TRY(answered.get());
  errors = std::move(ran.err);
  if (ran.timed_out) return Error(Code::kDeadlineExceeded, "timed out and was killed");
  return sys::Exit{.code = ran.exit_code};
}

}  // namespace

Result<> Node::RunHooks(const Container& one, std::initializer_list<const char*> stages, const char* status) {
  const container::ContainerRecord& record = one.record();
  std::vector<cdi::Hook> hooks = HooksOf(record, stages);
  if (hooks.empty()) return {};
  ContainerPtr view = one.view();
  pid_t pid = view->state == State::kExited ? 0 : view->pid;
  UniqueFd root;
  if (pid > 0) root = TRY(sys::OpenAt(kCwd, Cat("/proc/", std::to_string(pid), "/ns/mnt"), O_RDONLY));
  cdi::HookRun run;
  run.bundle = BundleOf(record.id);
  run.config = TRY(RuntimeSpec(*view));
  run.state = OciState(record, status, pid, run.bundle);
  run.mount_namespace = root;
  return cdi::RunHooks(hooks, run);
}

Result<> Node::RunStartHooks(const Container& one) {
  std::vector<cdi::Hook> hooks = HooksOf(one.record(), {cdi::kStartContainer});
  if (hooks.empty()) return {};
  auto client = TRY(one.pod().NeedShim());
  pid_t pid = TRY(PidInside(one.view()->pid));
  std::string state = OciState(one.record(), "created", pid, BundleOf(one.id()));
  for (const cdi::Hook& hook : hooks) {
    std::vector<std::string> command = {hook.path};
    if (!hook.args.empty()) command.insert(command.end(), hook.args.begin() + 1, hook.args.end());
    container::ExecPlan plan = TRY(PlanExec(one, std::move(command), false));
    plan.process.env = hook.env;
    plan.process.cwd = "/";
    plan.input = state;
    plan.timeout_ms = static_cast<uint64_t>(milliseconds(cdi::TimeoutOf(hook)).count());
    plan.output_limit = kMaxSaid;
    std::string errors;
    auto exit = RunInside(*client, plan, errors);
    TRYV(cdi::Judge(hook, std::move(exit), errors));
  }
  return {};
}

}  // namespace cradle::sandbox
