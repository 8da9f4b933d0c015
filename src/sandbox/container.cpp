#include "sandbox/container.h"

#include <sys/wait.h>

#include <cstdlib>

#include "base/sys/file.h"
#include "base/sys/process.h"

namespace cradle::sandbox {

Container::Container(std::shared_ptr<Pod> pod,
                     std::shared_ptr<const container::ContainerRecord> record)
    : pod_(std::move(pod)), record_(std::move(record)) {
  auto view = std::make_shared<ContainerView>();
  view->record = record_;
  view->limits = record_->spec.limits;
  auto signal = container::StopSignal(record_->spec, record_->image.config);
  view->stop_signal = signal.ok() ? *signal : SIGTERM;
  view_ = std::move(view);
}

ContainerPtr Container::view() const {
  std::lock_guard lock(mutex_);
  return view_;
}

void Container::Change(const std::function<void(ContainerView&)>& change) {
  std::lock_guard lock(mutex_);
  auto next = std::make_shared<ContainerView>(*view_);
  change(*next);
  view_ = std::move(next);
}

bool Container::ChangeFrom(State from, const std::function<void(ContainerView&)>& change) {
  std::lock_guard lock(mutex_);
  if (view_->state != from) return false;
  auto next = std::make_shared<ContainerView>(*view_);
  change(*next);
  view_ = std::move(next);
  return true;
}

bool Container::SetExited(const container::ExitRecord& exit) {
  std::lock_guard lock(mutex_);
  if (view_->state == State::kExited) return false;
  auto next = std::make_shared<ContainerView>(*view_);
  next->state = State::kExited;
  next->exit = exit;
  next->started_at = exit.started_at;
  next->pid = 0;
  view_ = std::move(next);
  pidfd_.Reset();
  return true;
}

void Container::WakeWaiters() {
  std::vector<std::function<void()>> actions;
  {
    std::lock_guard lock(mutex_);
    actions.swap(on_exit_);
    exited_.notify_all();
  }
  for (auto& action : actions) action();
}

bool Container::WaitExited(Deadline deadline) const {
  std::unique_lock lock(mutex_);
  return exited_.wait_until(lock, deadline, [&] { return view_->state == State::kExited; });
}

void Container::OnExit(std::function<void()> action) {
  {
    std::lock_guard lock(mutex_);
    if (view_->state != State::kExited) {
      on_exit_.push_back(std::move(action));
      return;
    }
  }
  action();
}

void Container::SetPidfd(UniqueFd pidfd) {
  std::lock_guard lock(mutex_);
  if (view_->state != State::kExited) pidfd_ = std::move(pidfd);
}

Result<> Container::Signal(int signal) const {
  std::lock_guard lock(mutex_);
  if (!pidfd_.valid()) return FailedPrecondition(Cat("container ", id().str(), " has no process"));
  return sys::PidfdSendSignal(pidfd_, signal);
}

std::optional<container::ExitRecord> Container::LookAtDead() const {
  ContainerPtr now = view();
  std::lock_guard lock(mutex_);
  if (!pidfd_.valid() || !sys::PidfdExited(pidfd_)) return std::nullopt;
  auto stat = sys::ReadFile(kCwd, Cat("/proc/", std::to_string(now->pid), "/stat"), 4096);
  // Still there to be signalled: nobody has reaped it, and the number is its own.
  if (!stat.ok() || !sys::PidfdSendSignal(pidfd_, 0).ok()) return std::nullopt;
  int status = std::atoi(stat->c_str() + stat->rfind(' ') + 1);  // the last field, as of wait(2)
  container::ExitRecord exit;
  exit.signal = WTERMSIG(status);
  exit.exit_code = exit.signal ? 128 + exit.signal : WEXITSTATUS(status);
  exit.started_at = now->started_at;
  exit.finished_at = WallNanos();
  exit.reason = exit.exit_code == 0 ? "Completed" : "Error";
  exit.message = "the pod's shim didn't tell of the end";
  return exit;
}

container::ExitRecord ExitFrom(const shim::ExitInfo& info) {
  container::ExitRecord exit;
  exit.exit_code = info.exit_code;
  exit.signal = info.signal;
  exit.oom_killed = info.oom_killed;
  exit.start_failed = info.start_failed;
  exit.started_at = info.started_at;
  exit.finished_at = info.finished_at;
  if (info.oom_killed)
    exit.reason = "OOMKilled";
  else if (info.start_failed)
    exit.reason = "StartError";
  else
    exit.reason = info.exit_code == 0 ? "Completed" : "Error";
  return exit;
}

container::ExitRecord UnknownExit(int64_t started_at) {
  container::ExitRecord exit;
  exit.exit_code = 255;
  exit.started_at = started_at;
  exit.finished_at = WallNanos();
  exit.reason = "Unknown";
  exit.message = "the pod's shim was lost before the container's end was told";
  return exit;
}

}  // namespace cradle::sandbox
