// StartContainer: opens the gate; the container's init execs.
#include <fcntl.h>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/sys/file.h"
#include "sandbox/explain.h"
#include "sandbox/node.h"

namespace cradle::sandbox {

void Node::StartContainer(const std::string& id, Done<> done) {
  auto found = store_.FindContainer(id);
  if (!found.ok()) return done(found.error());
  ContainerRef one = *found;
  PostServed(one->pod(), [this, one, done = std::move(done)] {
    done(StartOne(*one).With(Cat("start container ", one->record().spec.name)));
  });
}

Result<> Node::StartOne(Container& one) {
  const container::ContainerRecord& record = one.record();
  if (one.state() != State::kCreated)
    return FailedPrecondition(Cat("container ", record.id.str(), " is not in state CREATED"));
  if (!record.log_path.empty())
    TRYV(sys::MakeDirs(record.log_path.substr(0, record.log_path.rfind('/')), 0755).With("log_directory"));
  auto client = TRY(one.pod().NeedShim());
  auto hooked = RunStartHooks(one);
  auto started = hooked.ok() ? client->Start(record.id.str(), After(kLaunch)) : Result<int64_t>(hooked.error());
  // Its shim died over it: what became of it is seen by a successor.
  if (!started.ok() && started.error().code() == Code::kUnavailable) return std::move(started.error());
  if (!started.ok()) {
    (void)groups_.Kill(record.cgroup).ok();
    Error why = ExplainLaunch(std::move(started.error()), groups_, record.cgroup, one.view()->limits.memory);
    if (!one.WaitExited(After(kShimCall))) return why;
    one.Change([&](ContainerView& view) { view.exit.message = why.text(); });
    return why;
  }
  // Its exit may have been told before the answer is looked at here: then it stays EXITED.
  SetRunning(one, *started);
  if (auto ran = RunHooks(one, {cdi::kPoststart}, "running"); !ran.ok())  // which the container outlives
    log::Warning(Cat("container ", record.id.str(), ": ", ran.error().text()));
  return CrashPoint("start_container.started");
}

}  // namespace cradle::sandbox
