#include "shim_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "base/ids.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::shim {
namespace {

constexpr char kBusybox[] = "/bin/busybox";
constexpr size_t kHead = 40;  // of a log record

void Nothing(const Result<>& done) { EXPECT_TRUE(done.ok()) << done.error().text(); }

}  // namespace

void Exits::Add(ExitInfo exit) {
  std::lock_guard lock(mutex_);
  exits_[exit.container].push_back(std::move(exit));
  wake_.notify_all();
}

void Exits::SetLost() {
  std::lock_guard lock(mutex_);
  lost_ = true;
  wake_.notify_all();
}

ExitInfo Exits::Of(const std::string& container) {
  std::unique_lock lock(mutex_);
  bool told = wake_.wait_until(lock, After(kPatience), [&] { return exits_.count(container) > 0; });
  EXPECT_TRUE(told) << "no exit of " << container;
  return told ? exits_[container].front() : ExitInfo{};
}

bool Exits::WaitLost() {
  std::unique_lock lock(mutex_);
  return wake_.wait_until(lock, After(kPatience), [&] { return lost_; });
}

int Exits::Told(const std::string& container) {
  std::lock_guard lock(mutex_);
  auto found = exits_.find(container);
  return found == exits_.end() ? 0 : static_cast<int>(found->second.size());
}

void ShimTest::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  dir_ = "/tmp/cradle-shim-test-" + RandomHex64().substr(0, 12);
  socket_ = dir_ + "/pod/shim.sock";
  Nothing(sys::MakeDirs(dir_ + "/pod", 0700));
  Nothing(sys::MakeDirs(dir_ + "/logs", 0755));
  for (const char* root : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"})
    if (v2_root_.empty() && sys::Exists(kCwd, std::string(root) + "/cgroup.procs")) v2_root_ = root;
  MakeImage();
  loop_ = ShimLoop::Create().value();
  StartShim();
  client_ = Connect(exits_);
}

void ShimTest::TearDown() {
  if (dir_.empty()) return;
  if (client_) {
    (void)sys::PidfdSendSignal(shim_.pidfd, SIGCONT);
    Nothing(client_->Shutdown(Soon()));
    auto exit = sys::WaitPidfd(shim_.pidfd, Soon());
    ASSERT_TRUE(exit.ok());
    EXPECT_EQ(exit->code, 0);
  }
  client_.reset();
  loop_.reset();
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
    Deadline deadline = Soon();
    while (rmdir(group->c_str()) < 0 && errno == EBUSY && MillisLeft(deadline) > 0) sched_yield();
    EXPECT_FALSE(sys::Exists(kCwd, *group)) << *group;
  }
  Nothing(sys::RemoveTree(kCwd, dir_));
}

void ShimTest::MakeImage() {
  for (const char* path : {"/image/bin", "/image/etc", "/image/tmp"}) Nothing(sys::MakeDirs(dir_ + path, 0755));
  std::filesystem::copy_file(kBusybox, dir_ + "/image/bin/busybox");
  for (const char* applet : {"sh", "cat", "echo", "seq", "sleep", "kill", "true", "head", "tail", "dd", "trap", "stty",
                             "yes", "wc", "test", "setsid", "mkfifo", "touch"})
    Nothing(sys::SymlinkAt("busybox", kCwd, dir_ + "/image/bin/" + applet));
  Nothing(sys::ReplaceFile(kCwd, dir_ + "/image/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0644));
}

void ShimTest::StartShim() {
  UniqueFd listener = sys::ListenUnix(socket_, SOCK_SEQPACKET, 16).value();
  UniqueFd log = sys::OpenAt(kCwd, dir_ + "/shim.log", O_WRONLY | O_CREAT | O_APPEND, 0600).value();
  UniqueFd pause = sys::OpenAt(kCwd, CRADLE_PAUSE, O_PATH).value();
  sys::SpawnOptions options;
  options.program = CRADLE_SHIM;
  options.args = {"cradle-shim", "--pod", "test", "--dir", dir_ + "/pod"};
  options.fds = {{listener, 3}, {log, 2}, {pause, 4}};
  shim_ = sys::Spawn(options).value();
}

std::shared_ptr<ShimClient> ShimTest::Connect(Exits& exits) {
  ShimClient::Events events{[&exits](ExitInfo exit) { exits.Add(std::move(exit)); }, [&exits] { exits.SetLost(); }};
  auto client = ShimClient::Connect(*loop_, socket_, std::move(events), Soon());
  EXPECT_TRUE(client.ok()) << client.error().text();
  return client.ok() ? *client : nullptr;
}

void ShimTest::StartPause() {
  container::PausePlan plan;
  plan.new_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID;
  plan.hostname = "pod";
  auto pause = client_->Pause(plan, Soon());
  ASSERT_TRUE(pause.ok()) << pause.error().text();
  EXPECT_GT(pause->pid, 0);
  EXPECT_TRUE(pause->pidfd.valid());
}

std::string ShimTest::V2Group(const std::string& name) {
  if (v2_root_.empty()) return "";
  std::string path = Cat(v2_root_, "/cradle-test-", dir_.substr(dir_.rfind('-') + 1), "-", name);
  Nothing(sys::MakeDirs(path, 0755));
  groups_.push_back(path);
  return path;
}

container::LaunchPlan ShimTest::Plan(const std::string& script) {
  using Mount = container::MountPlan::Kind;
  container::LaunchPlan plan;
  plan.container_id = RandomHex64();
  std::string own = Cat(dir_, "/c", std::to_string(containers_++));
  plan.lower_dirs = {dir_ + "/image"};
  plan.upper_dir = own + "/upper";
  plan.work_dir = own + "/work";
  Nothing(sys::MakeDirs(plan.upper_dir, 0755));
  Nothing(sys::MakeDirs(plan.work_dir, 0755));
  plan.join_namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  auto mount = [&](Mount kind, const char* target, const char* options) {
    container::MountPlan one;
    one.kind = kind;
    one.target = target;
    one.options = options;
    plan.mounts.push_back(one);
  };
  mount(Mount::kProc, "/proc", "");
  mount(Mount::kTmpfs, "/dev", "mode=755,size=65536k");
  mount(Mount::kDevpts, "/dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5");
  plan.cgroup_v2 = V2Group(std::to_string(containers_));
  plan.process.args = {"/bin/sh", "-c", script};
  plan.process.env = {"PATH=/bin"};
  plan.log_path = Cat(dir_, "/logs/", std::to_string(containers_), ".log");
  return plan;
}

container::ExecPlan ShimTest::ExecOf(const container::LaunchPlan& plan, const std::string& script) {
  container::ExecPlan exec;
  exec.container_id = plan.container_id;
  if (!plan.cgroup_v2.empty()) {
    exec.cgroup_v2 = Cat(plan.cgroup_v2, "/exec-", RandomHex64().substr(0, 8));
    Nothing(sys::MakeDirs(exec.cgroup_v2, 0755));
    groups_.push_back(exec.cgroup_v2);
  }
  exec.process = plan.process;
  exec.process.args = {"/bin/sh", "-c", script};
  exec.process.resolved = container::ResolvedUser{0, 0, {0}};
  return exec;
}

void ShimTest::Run(const container::LaunchPlan& plan) {
  auto created = client_->Create(plan, Soon());
  ASSERT_TRUE(created.ok()) << created.error().text();
  EXPECT_GT(created->pid, 0);
  EXPECT_TRUE(created->pidfd.valid());
  auto started = client_->Start(plan.container_id, Soon());
  ASSERT_TRUE(started.ok()) << started.error().text();
}

std::string ShimTest::LogText(const container::LaunchPlan& plan, const std::string& suffix) {
  return sys::ReadFile(kCwd, plan.log_path + suffix, 256 << 20).value();
}

std::vector<std::string> ShimTest::LogLines(const std::string& path, const std::string& stream) {
  std::string text = sys::ReadFile(kCwd, path, 256 << 20).value();
  std::vector<std::string> out;
  for (std::string_view rest = text; !rest.empty();) {
    size_t end = rest.find('\n');
    EXPECT_NE(end, std::string_view::npos) << "a torn record";
    EXPECT_GE(end, kHead);
    if (rest.substr(31, 6) == stream) out.emplace_back(rest.substr(kHead, end - kHead));
    rest.remove_prefix(end + 1);
  }
  return out;
}

Result<ExecResult> ShimTest::Exec(const container::ExecPlan& plan, Deadline deadline) {
  auto done = std::make_shared<std::promise<Result<ExecResult>>>();
  client_->Exec(plan, deadline, {}, [done](Result<ExecResult> result) { done->set_value(std::move(result)); });
  return done->get_future().get();
}

}  // namespace cradle::shim
