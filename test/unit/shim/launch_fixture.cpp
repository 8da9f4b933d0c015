#include "launch_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/socket.h"

namespace cradle::shim {
namespace {

constexpr auto kPatience = seconds(60);
constexpr char kBusybox[] = "/bin/busybox";
constexpr const char* kApplets[] = {
    "sh",   "cat",  "id",       "ls",   "env",   "pwd",   "stat",  "mount", "hostname",
    "grep", "ps",   "readlink", "true", "test",  "mkdir", "echo",  "touch", "tty",
    "head", "kill", "umount",   "wc",   "chmod", "cut",   "umask", "rm"};

std::string OpenDescriptors() {
  std::set<std::string> fds;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (!gone && !target.string().ends_with("/fd"))
      fds.insert(entry.path().filename().string() + " " + target.string());
  }
  std::string out;
  for (const std::string& fd : fds) out += fd + "\n";
  return out;
}

UniqueFd Take(Result<UniqueFd> fd) {
  EXPECT_TRUE(fd.ok()) << fd.error().text();
  return fd.ok() ? std::move(*fd) : UniqueFd();
}
UniqueFd Null() { return Take(sys::OpenAt(kCwd, "/dev/null", O_RDWR)); }

// The v1 hierarchies to test with, by directory; those with nothing to configure.
constexpr const char* kHierarchies[] = {"/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory",
                                        "/sys/fs/cgroup/freezer"};

}  // namespace

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Running::~Running() {
  if (!launched_.pidfd.valid()) return;
  (void)sys::PidfdSendSignal(launched_.pidfd, SIGKILL);
  (void)sys::WaitPidfd(launched_.pidfd, After(kPatience));
}

Report Running::Next() {
  Deadline deadline = After(kPatience);
  for (;;) {
    Result<bool> readable = sys::PollReadable(launched_.report, deadline);
    EXPECT_TRUE(readable.ok() && *readable) << "no report in time";
    if (!readable.ok() || !*readable) return {};
    Report report = ReadReport(launched_.report);
    if (report.kind == Report::Kind::kNothingYet) continue;
    if (report.terminal.valid()) terminal_ = std::move(report.terminal);
    if (report.kind == Report::Kind::kBorn) {  // the same container, another process
      EXPECT_TRUE(sys::WaitPidfd(launched_.pidfd, deadline).ok());
      launched_.pid = report.pid;
      launched_.pidfd = std::move(report.pidfd);
      continue;
    }
    if (report.kind == Report::Kind::kReady) {
      ready_ = true;
      user_ = report.user;
    }
    if (report.kind == Report::Kind::kExeced) execed_ = true;
    if (report.kind == Report::Kind::kFailed) {
      failure_ = report.error.text();
      failure_code_ = report.error.code();
    }
    return report;
  }
}

void Running::OpenGate() {
  if (!launched_.gate.valid()) return;  // an exec, or pause
  EXPECT_TRUE(sys::WriteAll(launched_.gate, "x", 1).ok());
}

std::string Running::Start() {
  if (!ready_ && failure_.empty() && Next().kind == Report::Kind::kExeced)
    failure_ = "died before it was ready";
  if (!failure_.empty()) return failure_;
  OpenGate();
  Next();
  return failure_;
}

std::string Running::ReadLine() {
  std::string line;
  Deadline deadline = After(kPatience);
  FdRef from = terminal_.valid() ? terminal_.ref() : out_.ref();
  if (!from.valid()) return line;
  for (char c = 0; c != '\n'; line += c) {
    Result<bool> readable = sys::PollReadable(from, deadline);
    if (!readable.ok() || !*readable) break;
    Result<size_t> got = sys::Read(from, &c, 1);
    if (!got.ok() || *got == 0) break;
  }
  return line;
}

void Running::Say(const std::string& text) {
  FdRef to = terminal_.valid() ? terminal_.ref() : in_.ref();
  EXPECT_TRUE(sys::WriteAll(to, text.data(), text.size()).ok());
}

std::string Running::ReadOutput() {
  std::string all;
  for (;;) {
    std::string line = ReadLine();
    if (line.empty()) return all;
    all += line;
  }
}

Finished Running::Finish() {
  if (!execed_) Start();
  Finished finished;
  in_.Reset();
  finished.out = ReadOutput();
  Result<sys::Exit> exit = sys::WaitPidfd(launched_.pidfd, After(kPatience));
  EXPECT_TRUE(exit.ok()) << exit.error().text();
  if (exit.ok()) {
    finished.code = exit->code;
    finished.signal = exit->signal;
    launched_.pidfd.Reset();
  }
  finished.failure = failure_;
  finished.failure_code = failure_code_;
  finished.user = user_;
  return finished;
}

void LaunchTest::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(access(kBusybox, X_OK), 0) << "needs busybox-static";
  fds_ = OpenDescriptors();
  mounts_ = ReadText("/proc/self/mountinfo");
  std::string name = (std::filesystem::temp_directory_path() / "cradle-launch-XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  dir_ = name;
  pause_plan.new_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID;
  pause_plan.hostname = "the-pod";
  MakeImage();
}

void LaunchTest::TearDown() {
  if (dir_.empty()) return;
  pause_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
  // Children first, as the kernel wants it; the last process may still be leaving.
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
    Deadline deadline = After(kPatience);
    while (rmdir(group->c_str()) < 0 && errno == EBUSY && MillisLeft(deadline) > 0) sched_yield();
    EXPECT_NE(access(group->c_str(), F_OK), 0) << *group;
  }
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
  EXPECT_EQ(ReadText("/proc/self/mountinfo"), mounts_);
  EXPECT_EQ(OpenDescriptors(), fds_);
}

void LaunchTest::MakeImage() {
  for (const char* path : {"", "/bin", "/etc", "/tmp"})
    ASSERT_EQ(mkdir(Image(path).c_str(), 0755), 0);
  ASSERT_EQ(chmod(Image("/tmp").c_str(), 01777), 0);
  std::filesystem::copy_file(kBusybox, Image("/bin/busybox"));
  for (const char* applet : kApplets)
    ASSERT_EQ(symlink("busybox", Image(std::string("/bin/") + applet).c_str()), 0);
  Write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1001:Bob,,,:/home/bob:/bin/sh\n");
  Write("/etc/group",
        "root:x:0:\nbob:x:1001:\nwheel:x:10:root,bob\naudio:x:29:alice,bobby\nvideo:x:44:bob\n");
}

void LaunchTest::Write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(Image(path)).parent_path());
  std::ofstream(Image(path)) << text;
}

std::string LaunchTest::Host(const std::string& name) {
  std::string path = dir_ + "/" + name;
  EXPECT_EQ(mkdir(path.c_str(), 0755), 0);
  return path;
}

LaunchTest::Group LaunchTest::MakeGroup(const std::string& name) {
  Group group;
  std::string full = "cradle-launch-test-" + std::to_string(getpid()) + "-" + name;
  auto make = [&](const std::string& hierarchy) {
    std::string path = hierarchy + "/" + full;
    EXPECT_EQ(mkdir(path.c_str(), 0755), 0) << path;
    groups_.push_back(path);
    return path;
  };
  for (const char* hierarchy : kHierarchies)
    if (access((std::string(hierarchy) + "/tasks").c_str(), F_OK) == 0)
      group.v1.push_back(make(hierarchy));
  for (const char* hierarchy : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"})
    if (group.v2.empty() && access((std::string(hierarchy) + "/cgroup.procs").c_str(), F_OK) == 0)
      group.v2 = make(hierarchy);
  return group;
}

Running LaunchTest::StartPause(const container::PausePlan& plan) {
  UniqueFd program = Take(sys::OpenAt(kCwd, CRADLE_PAUSE, O_PATH));
  Result<Launched> launched = LaunchPause(plan, program);
  EXPECT_TRUE(launched.ok()) << launched.error().text();
  return launched.ok() ? Running(std::move(*launched), UniqueFd(), UniqueFd()) : Running();
}

FdRef LaunchTest::Pause() {
  if (!pause_) {
    pause_ = StartPause(pause_plan);
    EXPECT_EQ(pause_->Next().kind, Report::Kind::kReady);
    EXPECT_EQ(pause_->Next().kind, Report::Kind::kExeced);
  }
  return pause_->pidfd();
}

pid_t LaunchTest::PausePid() {
  Pause();
  return pause_->pid();
}

// Pause has no other child.
pid_t LaunchTest::FirstPid() {
  std::string pause = std::to_string(PausePid());
  std::string child = ReadText("/proc/" + pause + "/task/" + pause + "/children");
  EXPECT_FALSE(child.empty());
  return std::atoi(child.c_str());
}

MountPlan LaunchTest::Mount(MountPlan::Kind kind, const std::string& target,
                            const std::string& options) {
  MountPlan mount;
  mount.kind = kind;
  mount.target = target;
  mount.options = options;
  return mount;
}

MountPlan LaunchTest::Bind(const std::string& source, const std::string& target) {
  MountPlan mount = Mount(MountPlan::Kind::kBind, target);
  mount.host_source = source;
  return mount;
}

namespace {
container::ProcessPlan Shell(const std::string& script) {
  container::ProcessPlan process;
  process.args = {"/bin/sh", "-c", script};
  process.env = {"PATH=/bin:/usr/bin"};
  process.caps_bounding = process.caps_permitted = process.caps_effective = kDefaultCaps;
  return process;
}
}  // namespace

container::LaunchPlan LaunchTest::Plan(const std::string& script) {
  container::LaunchPlan plan;
  plan.container_id = std::string(64, 'c');
  plan.join_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  std::string own = Host("container-" + std::to_string(containers_++));
  plan.lower_dirs = {dir_ + "/image"};
  plan.upper_dir = own + "/upper";
  plan.work_dir = own + "/work";
  for (const std::string& path : {plan.upper_dir, plan.work_dir})
    EXPECT_EQ(mkdir(path.c_str(), 0755), 0);
  using Kind = MountPlan::Kind;
  plan.mounts = {Mount(Kind::kProc, "/proc"), Mount(Kind::kTmpfs, "/dev", "mode=755,size=65536k"),
                 Mount(Kind::kDevpts, "/dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5"),
                 Mount(Kind::kPodShm, "/dev/shm")};
  plan.process = Shell(script);
  return plan;
}

container::LaunchPlan LaunchTest::InUserNamespace(container::LaunchPlan plan) {
  plan.users = pause_plan.users;
  uint32_t uid = plan.users->uids.host, gid = plan.users->gids.host;
  EXPECT_EQ(chown(plan.upper_dir.c_str(), uid, gid), 0);
  for (MountPlan& mount : plan.mounts)
    if (mount.target == "/dev") mount.options += ",uid=" + std::to_string(uid) + ",gid=" + std::to_string(gid);
  return plan;
}

container::ExecPlan LaunchTest::ExecOf(const std::string& script) {
  container::ExecPlan plan;
  plan.container_id = std::string(64, 'c');
  plan.process = Shell(script);
  plan.process.resolved = container::ResolvedUser{0, 0, {0}};
  return plan;
}

namespace {
struct Pipes {
  sys::Pipe in, out;
  Stdio Child() {
    Stdio stdio;
    stdio.in = std::move(in.read);
    stdio.err = UniqueFd(fcntl(out.write.get(), F_DUPFD_CLOEXEC, 3));
    stdio.out = std::move(out.write);
    return stdio;
  }
};
Pipes MakePipes() { return {std::move(*sys::MakePipe()), std::move(*sys::MakePipe())}; }

Running Started(Result<Launched> launched, Pipes pipes) {
  EXPECT_TRUE(launched.ok()) << launched.error().text();
  if (!launched.ok()) return {};
  return Running(std::move(*launched), std::move(pipes.in.write), std::move(pipes.out.read));
}
}  // namespace

Running LaunchTest::Launch(const container::LaunchPlan& plan, FdRef target) {
  Pipes pipes = MakePipes();
  Stdio stdio = plan.process.terminal ? Stdio() : pipes.Child();
  return Started(LaunchContainer(plan, Pod(), target, std::move(stdio)), std::move(pipes));
}

Running LaunchTest::LaunchIn(const container::ExecPlan& plan, FdRef init) {
  Pipes pipes = MakePipes();
  Stdio stdio = plan.process.terminal ? Stdio() : pipes.Child();
  return Started(LaunchExec(plan, init, std::move(stdio)), std::move(pipes));
}

// The launcher keeps one descriptor for good once a pid namespace was joined: opened before the
// first test looks.
class Warm : public testing::Environment {
  void SetUp() override {
    if (geteuid() != 0) return;
    // Mounts of our own: nobody else's come and go in them, and none of ours outlives the process.
    ASSERT_TRUE(sys::Unshare(CLONE_NEWNS).ok());
    ASSERT_TRUE(sys::Mount("none", "/", "", MS_REC | MS_PRIVATE, "").ok());
    container::PausePlan plan;
    plan.new_namespaces = CLONE_NEWPID;
    UniqueFd program = Take(sys::OpenAt(kCwd, CRADLE_PAUSE, O_PATH));
    Result<Launched> pause = LaunchPause(plan, program);
    ASSERT_TRUE(pause.ok()) << pause.error().text();
    Running running(std::move(*pause), UniqueFd(), UniqueFd());
    running.Next();
    container::ExecPlan exec;
    exec.process = Shell("true");
    exec.process.resolved = container::ResolvedUser{};
    Stdio stdio{Null(), Null(), Null()};
    Result<Launched> launched = LaunchExec(exec, running.pidfd(), std::move(stdio));
    ASSERT_TRUE(launched.ok()) << launched.error().text();
    Running ended(std::move(*launched), UniqueFd(), UniqueFd());
  }
};
[[maybe_unused]] const auto* const kWarm = testing::AddGlobalTestEnvironment(new Warm);

}  // namespace cradle::shim
