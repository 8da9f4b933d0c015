#include "sandbox/container.h"

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
  UniqueFd pidfd;
  {
    std::lock_guard lock(mutex_);
    if (view_->state == State::kExited) return false;
    auto next = std::make_shared<ContainerView>(*view_);
    next->state = State::kExited;
    next->exit = exit;
    next->started_at = exit.started_at;
    next->pid = 0;
    view_ = std::move(next);
    pidfd = std::move(pidfd_);
  }
  // Of a dead shim's it was ours, and was left for others to look at (Node::Awaits).
  if (pidfd.valid()) (void)sys::ReapPidfd(pidfd).ok();
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
  auto ended = sys::ExitOf(pidfd_, now->pid);
  if (!ended.ok()) return std::nullopt;
  container::ExitRecord exit;
  exit.signal = ended->signal;
  exit.exit_code = exit.signal ? 128 + exit.signal : ended->code;
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
  if (info.unknown) exit.message = "the pod's shim died, and nobody could tell how the container ended";
  if (info.unknown)
    exit.reason = "Unknown";
  else if (info.oom_killed)
    exit.reason = "OOMKilled";
  else if (info.start_failed)
    exit.reason = "StartError";
  else
    exit.reason = info.exit_code == 0 ? "Completed" : "Error";
  return exit;
}

container::ExitRecord UnknownExit(int64_t started_at, std::string_view why) {
  container::ExitRecord exit;
  exit.exit_code = 255;
  exit.started_at = started_at;
  exit.finished_at = WallNanos();
  exit.reason = "Unknown";
  exit.message = why;
  return exit;
}

}  // namespace cradle::sandbox
