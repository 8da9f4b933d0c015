// The hooks that CDI specifications bring: around a container's life, as the OCI runtime specification orders them.
#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "base/sys/file.h"
#include "cdi/hooks.h"
#include "sandbox/injection.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

// The OCI runtime specification, "State".
std::string OciState(const container::ContainerRecord& record, const char* status, pid_t pid, const std::string& bundle) {
  nlohmann::json state = {{"ociVersion", "1.0.2"}, {"id", record.id.str()}, {"status", status},
                          {"bundle", bundle},      {"annotations", record.spec.annotations}};
  if (pid > 0) state["pid"] = pid;
  return state.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
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
  run.bundle = paths_.container(record.id) + "/bundle";
  run.config = TRY(RuntimeSpec(*view));
  run.state = OciState(record, status, pid, run.bundle);
  run.mount_namespace = root;
  return cdi::RunHooks(hooks, run);
}

}  // namespace cradle::sandbox
