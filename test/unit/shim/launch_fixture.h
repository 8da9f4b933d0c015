// A pod with a tiny image, made of the host's static busybox, for tests of the launcher. Real
// kernel objects: needs root. Every test ends with the same descriptors, children and mounts that
// it began with.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/sys/process.h"
#include "container/plan.h"
#include "shim/launch.h"

namespace cradle::shim {

using container::MountPlan;

inline constexpr uint64_t kDefaultCaps = 0xa80425fb;  // what CRI runtimes give
inline constexpr uint64_t kAllCaps = ~uint64_t{0};

// A launched process whose output is read to its end.
struct Finished {
  std::string failure;  // empty, or what the report said
  Code failure_code = Code::kInternal;
  container::ResolvedUser user;
  std::string out;  // stdout and stderr, or what the terminal showed
  int code = -1;
  int signal = 0;
};

// A process under way; killed and reaped at the latest by its destructor.
class Running {
 public:
  Running() = default;
  Running(Launched launched, UniqueFd stdin_end, UniqueFd stdout_end)
      : launched_(std::move(launched)), in_(std::move(stdin_end)), out_(std::move(stdout_end)) {}
  Running(Running&&) = default;
  Running& operator=(Running&&) = default;
  ~Running();

  // The next packet of the report, at most a minute from now.
  Report Next();
  void OpenGate();
  void CloseGate() { launched_.gate.Reset(); }
  // Up to and past exec. The failure's text, or empty.
  std::string Start();
  std::string ReadLine();             // of its output
  void Say(const std::string& text);  // to its stdin
  void CloseStdin() { in_.Reset(); }
  // Starts it when it waits, reads its output, reaps it.
  Finished Finish();

  pid_t pid() const { return launched_.pid; }
  FdRef pidfd() const { return launched_.pidfd; }
  FdRef user_namespace() const { return launched_.user_namespace; }
  const container::ResolvedUser& user() const { return user_; }

 private:
  void Take(const Report& report);
  std::string ReadOutput();

  Launched launched_;
  UniqueFd in_, out_, terminal_;
  bool ready_ = false, execed_ = false;
  std::string failure_;
  Code failure_code_ = Code::kInternal;
  container::ResolvedUser user_;
};

class LaunchTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A pod of its own net, ipc, uts and pid namespaces, started at the first use.
  FdRef Pause();
  pid_t PausePid();
  pid_t FirstPid();  // PID 1 of the pid namespace
  Infra Pod() { return {PausePid(), Pause(), pause_->user_namespace()}; }
  container::PausePlan pause_plan;
  Running StartPause(const container::PausePlan& plan);

  // A busybox container with /proc, /dev and what runtimes mount by default, running `script`.
  container::LaunchPlan Plan(const std::string& script);
  // The same in the pod's user namespace (pause_plan.users).
  container::LaunchPlan InUserNamespace(container::LaunchPlan plan);
  container::ExecPlan ExecOf(const std::string& script);
  Running Launch(const container::LaunchPlan& plan, FdRef target = FdRef());
  Running LaunchIn(const container::ExecPlan& plan, FdRef init);
  Finished Run(const container::LaunchPlan& plan) { return Launch(plan).Finish(); }
  std::string Output(const std::string& script) { return Run(Plan(script)).out; }

  // The image and the host's side.
  const std::string& dir() const { return dir_; }
  std::string Image(const std::string& path) const { return dir_ + "/image" + path; }
  void Write(const std::string& path, const std::string& text);
  std::string Host(const std::string& name);  // a new directory on the host
  // A cgroup in the hierarchies that this machine has, removed at the end. Joined by tasks (v1),
  // and in the v2 tree.
  struct Group {
    std::vector<std::string> v1;
    std::string v2;
  };
  Group MakeGroup(const std::string& name);

  static MountPlan Bind(const std::string& source, const std::string& target);
  static MountPlan Mount(MountPlan::Kind kind, const std::string& target,
                         const std::string& options = "");

 private:
  void MakeImage();
  std::string dir_;
  int containers_ = 0;
  std::optional<Running> pause_;
  std::vector<std::string> groups_;
  std::string fds_, mounts_;
};

std::string ReadText(const std::string& path);
bool Contains(const std::string& text, const std::string& part);

}  // namespace cradle::shim
