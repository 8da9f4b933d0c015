// StopContainer: the stop signal, then after the grace period the whole group is killed. No thread waits: a timer and
// the exit itself drive it, so any number of containers can be stopping, and an exec still works until the kill. Each
// call has a timer of its own: the shortest grace wins.
#include "base/sys/file.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

// What a process that SIGKILL didn't end is waiting for.
std::string WhyAlive(pid_t pid) {
  auto wchan = sys::ReadFile(kCwd, Cat("/proc/", std::to_string(pid), "/wchan"), 256);
  return Cat("process ", std::to_string(pid), " can't be killed",
             wchan.ok() && !wchan->empty() ? Cat(" (waits in ", *wchan, ")") : std::string());
}

// One call of StopContainer: answers once, whichever comes first. Threads: the caller's and the loop's.
class Stop {
 public:
  Stop(shim::ShimLoop& loop, Done<> done) : loop_(loop), done_(std::move(done)) {}

  void Arm(milliseconds delay, std::function<void()> action) {
    std::lock_guard lock(mutex_);
    if (done_) timer_ = loop_.RunAt(After(delay), std::move(action));
  }
  void Answer(const Result<>& result) {
    Done<> answer;
    uint64_t timer = 0;
    {
      std::lock_guard lock(mutex_);
      answer.swap(done_);
      timer = std::exchange(timer_, 0);
    }
    if (timer) loop_.CancelTimer(timer);
    if (answer) answer(result);
  }

 private:
  shim::ShimLoop& loop_;
  std::mutex mutex_;
  Done<> done_;
  uint64_t timer_ = 0;
};

}  // namespace

void Node::StopContainer(const std::string& id, milliseconds grace, Done<> done) {
  auto found = store_.FindContainer(id);
  if (!found.ok()) return done(found.error().code() == Code::kNotFound ? Result<>() : found.error());
  ContainerRef one = *found;
  ContainerPtr view = one->view();
  // A container that never ran has nothing to stop; RemoveContainer ends its init.
  if (view->state == State::kExited || view->state == State::kCreated) return done({});

  auto stop = std::make_shared<Stop>(*loop_, std::move(done));
  // The shim tells the end; for one that doesn't, it is looked for: TakeExit, which answers.
  auto give_up = [this, one, stop] {
    pool_.Post([this, one, stop] {
      if (!TakeExit(*one))
        stop->Answer(Error(Code::kDeadlineExceeded,
                           Cat("stop container ", one->id().str(), ": ", WhyAlive(one->view()->pid))));
    });
  };
  auto look = [this, one, stop, give_up] {
    pool_.Post([this, one, stop, give_up] {
      if (!TakeExit(*one)) stop->Arm(kKill, give_up);
    });
  };
  auto kill = [this, one, stop, look] {
    Result<> killed = groups_.Kill(one->record().cgroup);
    if (!killed.ok()) return stop->Answer(killed);
    stop->Arm(kViewsGrace, [this, one, stop, look] {
      pool_.Post([this, one] { EndViews(*one); });
      stop->Arm(kViewsGrace, look);
    });
  };
  if (grace.count() > 0 && one->Signal(view->stop_signal).ok())
    stop->Arm(grace, kill);
  else
    kill();
  one->OnExit([stop] { stop->Answer({}); });
}

}  // namespace cradle::sandbox
