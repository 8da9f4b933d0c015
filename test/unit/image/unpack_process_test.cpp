#include "image/unpack_process.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <iomanip>
#include <map>
#include <sstream>

#include "base/sys/process.h"
#include "fixture.h"

namespace cradle::image {
namespace {

class UnpackProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    sys::IgnoreSignal(SIGPIPE);
    config_.unpack_program = CRADLE_UNPACK_PROGRAM;
    std::filesystem::create_directory(root());
  }
  std::string root() const { return dir_.path() + "/fs"; }
  Result<std::unique_ptr<UnpackProcess>> Start() {
    return UnpackProcess::Start(config_, root(), [] { return Result<std::vector<std::string>>(std::vector<std::string>()); });
  }

  // One that waits for the second half of an archive: confined, for it has read from the first.
  std::unique_ptr<UnpackProcess> StartHalf() {
    auto process = Start();
    EXPECT_TRUE(process.ok()) << process.error().text();
    std::string tar = TarWriter().Directory("a").File("a/big", std::string(16 << 20, 'x')).Take();
    auto half = (*process)->Write(std::string_view(tar).substr(0, tar.size() / 2));
    EXPECT_TRUE(half.ok()) << half.error().text();
    return std::move(*process);
  }
  // What it says of an archive.
  std::string Refusal(const std::string& tar) {
    auto process = Start();
    if (!process.ok()) return process.error().text();
    auto written = (*process)->Write(tar);
    auto done = written.ok() ? (*process)->Finish() : Result<Unpacked>(std::move(written.error()));
    return done.ok() ? "(nothing)" : done.error().text();
  }

  StoreConfig config_;
  TempDir dir_;
};

// /proc/<pid>/NAME.
std::string ProcPath(pid_t pid, const std::string& name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::map<std::string, std::string> StatusOf(pid_t pid) {
  std::map<std::string, std::string> out;
  std::istringstream lines(Slurp(ProcPath(pid, "status")));
  for (std::string name, value; std::getline(lines, name, ':') && std::getline(lines, value);)
    out[name] = value.substr(std::min(value.find_first_not_of("\t "), value.size()));
  return out;
}

TEST_F(UnpackProcessTest, AKilledUnpackerLeavesOnlyItsFolder) {
  auto process = Start();
  ASSERT_OK(process);
  std::string tar = TarWriter().Directory("a").File("a/big", std::string(8 << 20, 'x')).Take();
  auto half = (*process)->Write(std::string_view(tar).substr(0, tar.size() / 2));
  ASSERT_OK(half);
  (*process)->Kill();
  auto done = (*process)->Finish();
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().text().find("killed by signal 9"), std::string::npos) << done.error().text();
  EXPECT_EQ(Entries(dir_.path()), std::vector<std::string>{"fs"});
  EXPECT_TRUE(sys::RemoveTree(kCwd, root()).ok());
}

TEST_F(UnpackProcessTest, WritingToADeadUnpackerIsAnErrorWithItsReason) {
  auto process = Start();
  ASSERT_OK(process);
  std::string garbage(4 << 20, 'x');
  auto written = (*process)->Write(garbage);
  auto done = written.ok() ? (*process)->Finish() : Result<Unpacked>(std::move(written.error()));
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().text().find("not a tar archive"), std::string::npos) << done.error().text();
}

TEST_F(UnpackProcessTest, TheLimitsOfTheConfigurationHold) {
  TarEntry file;
  file.path = "f";
  std::string tar;
  auto expect = [&](uint64_t unpack::Limits::*limit, uint64_t value, const std::string& why) {
    config_.layer_limits = {};
    config_.layer_limits.*limit = value;
    std::string said = Refusal(tar);
    EXPECT_NE(said.find(why), std::string::npos) << said;
  };
  tar = TarWriter().File("a", std::string(20'000, 'x')).Take();
  expect(&unpack::Limits::max_bytes, 10'000, "limit of 10000 bytes (image.max_layer_bytes)");
  tar = TarWriter().File("a", "").File("b", "").Take();
  expect(&unpack::Limits::max_entries, 1, "limit of 1 entries (image.max_layer_entries)");
  tar = TarWriter().File(std::string(90, 'a') + "/" + std::string(90, 'b'), "").Take();
  expect(&unpack::Limits::max_name_bytes, 150, "limit of 150 bytes (image.max_layer_name_bytes)");
  file.pax["comment"] = std::string(3000, 'x');
  tar = TarWriter().Add(file).Take();
  expect(&unpack::Limits::max_header_bytes, 2000, "limit of 2000 bytes (image.max_layer_header_bytes)");
  file.pax = {{"GNU.sparse.size", "9"}, {"GNU.sparse.map", "0,0,1,0,2,0"}};
  tar = TarWriter().Add(file).Take();
  expect(&unpack::Limits::max_extents, 2, "limit of 2 pieces (image.max_layer_extents)");
  tar.clear();
  std::string deep;
  for (int i = 0; i < 10; ++i) deep += std::string(250, 'd') + "/";
  for (int i = 0; i < 20'000; ++i) {  // what is kept of a folder is its path
    tar += TarWriter().Directory(deep + std::to_string(i)).Take();
    tar.resize(tar.size() - 1024);  // without the end mark
  }
  expect(&unpack::Limits::max_memory, 48 << 20, "limit of 50331648 bytes (image.max_layer_memory_bytes)");
}

TEST_F(UnpackProcessTest, HasNoMoreThanItNeeds) {
  auto process = StartHalf();
  pid_t pid = process->pid();
  auto status = StatusOf(pid);
  std::ostringstream wanted;
  wanted << std::hex << std::setw(16) << std::setfill('0')
         << (1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID | 1u << CAP_MKNOD | 1u << CAP_SETFCAP);
  for (const char* set : {"CapEff", "CapPrm", "CapBnd"}) EXPECT_EQ(status[set], wanted.str()) << set;
  for (const char* set : {"CapInh", "CapAmb"}) EXPECT_EQ(status[set], "0000000000000000") << set;
  EXPECT_EQ(status["NoNewPrivs"], "1");
  EXPECT_EQ(status["Seccomp"], "2") << "a filter";

  namespace fs = std::filesystem;
  for (const char* name : {"mnt", "net"})
    EXPECT_NE(fs::read_symlink(ProcPath(pid, "ns/") + name), fs::read_symlink(std::string("/proc/self/ns/") + name));
  EXPECT_EQ(Slurp(ProcPath(pid, "mountinfo")), "") << "its root is in no namespace, and it sees no other mount";
  std::istringstream interfaces(Slurp(ProcPath(pid, "net/dev")));
  std::vector<std::string> lines;
  for (std::string line; std::getline(interfaces, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3u) << "two of heading and one interface";
  EXPECT_NE(lines[2].find("lo:"), std::string::npos);
  EXPECT_EQ(Slurp(ProcPath(pid, "net/fib_trie")), "") << "which is down";

  auto inside = sys::FstatAt(kCwd, ProcPath(pid, "root/."), 0), outside = sys::FstatAt(kCwd, root(), 0);
  ASSERT_OK(inside);
  ASSERT_OK(outside);
  EXPECT_EQ(inside->st_ino, outside->st_ino);
  EXPECT_EQ(inside->st_dev, outside->st_dev);
  for (const auto& fd : fs::directory_iterator(ProcPath(pid, "fd"))) {
    std::string target = fs::read_symlink(fd.path());
    EXPECT_TRUE(target == "/" || target == "/dev/null" || target.starts_with("pipe:") || target.starts_with("socket:") ||
                target.starts_with("/a")) << fd.path() << " " << target;
  }
}

#if defined(__x86_64__)
// Has the process, which waits in a system call, make another one: as if its own code had been taken over.
void MakeItCall(pid_t pid, long number) {
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, pid, 0, 0), 0);
  user_regs_struct registers{};
  do {
    int status = 0;
    ASSERT_EQ(::ptrace(PTRACE_INTERRUPT, pid, 0, 0), 0);
    ASSERT_EQ(::waitpid(pid, &status, __WALL), pid);
    ASSERT_TRUE(WIFSTOPPED(status));
    ASSERT_EQ(::ptrace(PTRACE_GETREGS, pid, 0, &registers), 0);
    if (static_cast<long>(registers.orig_rax) < 0) {  // in its own code: not there yet
      ASSERT_EQ(::ptrace(PTRACE_CONT, pid, 0, 0), 0);
    }
  } while (static_cast<long>(registers.orig_rax) < 0);
  registers.rip -= 2;  // the instruction that brought it there
  registers.rax = static_cast<unsigned long>(number);
  registers.orig_rax = static_cast<unsigned long>(-1);
  ASSERT_EQ(::ptrace(PTRACE_SETREGS, pid, 0, &registers), 0);
  ASSERT_EQ(::ptrace(PTRACE_DETACH, pid, 0, 0), 0);
}

TEST_F(UnpackProcessTest, AnotherSystemCallKillsItAndNobodyElse) {
  for (long number : {SYS_socket, SYS_connect, SYS_execve, SYS_clone, SYS_mount, SYS_setns, SYS_ptrace, SYS_kill, SYS_bpf,
                      SYS_io_uring_setup, SYS_open_by_handle_at, SYS_chroot}) {
    auto process = StartHalf();
    MakeItCall(process->pid(), number);
    auto done = process->Finish();
    ASSERT_FALSE(done.ok()) << number;
    EXPECT_NE(done.error().text().find("killed by signal 31"), std::string::npos) << number << ": " << done.error().text();
    ASSERT_TRUE(sys::RemoveTree(kCwd, root()).ok());
    std::filesystem::create_directory(root());
  }
}
#endif

TEST_F(UnpackProcessTest, ItsSizeIsWhatDuCounts) {
  auto process = Start();
  ASSERT_OK(process);
  auto written = (*process)->Write(TarWriter().Directory("d").File("d/a", std::string(100'000, 'x')).Take());
  ASSERT_OK(written);
  auto done = (*process)->Finish();
  ASSERT_OK(done);
  uint64_t bytes = 0;
  for (const char* name : {"", "/d", "/d/a"}) {  // the root, too
    auto info = sys::FstatAt(kCwd, root() + name, 0);
    ASSERT_OK(info);
    bytes += static_cast<uint64_t>(info->st_blocks) * 512;
  }
  EXPECT_EQ(done->bytes, bytes);
  EXPECT_EQ(done->inodes, 3u);
}

}  // namespace
}  // namespace cradle::image
