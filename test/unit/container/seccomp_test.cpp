#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>

#include "container/build_plan.h"
#include "container/capabilities.h"
#include "container/seccomp_profile.h"
#include "container/syscall_numbers.h"

namespace cradle::container {
namespace {

using Op = SeccompArg::Op;
constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t Errno(uint32_t err) { return SECCOMP_RET_ERRNO | err; }

// What the kernel would answer: a classic BPF machine, bounds checked.
uint32_t Verdict(const std::string& program, uint32_t nr, std::array<uint64_t, 6> args = {}, uint32_t arch = 0) {
  seccomp_data data{.nr = static_cast<int>(nr), .arch = arch != 0 ? arch : NativeArch().audit,
                    .instruction_pointer = 0, .args = {}};
  std::copy(args.begin(), args.end(), data.args);
  uint32_t a = 0;
  for (size_t pc = 0; pc < program.size() / sizeof(sock_filter); ++pc) {
    sock_filter insn;
    memcpy(&insn, program.data() + pc * sizeof insn, sizeof insn);
    bool holds = false;
    switch (insn.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (insn.k > sizeof data - 4) return 0;
        memcpy(&a, reinterpret_cast<const char*>(&data) + insn.k, 4);
        continue;
      case BPF_ALU | BPF_AND | BPF_K: a &= insn.k; continue;
      case BPF_JMP | BPF_JA: pc += insn.k; continue;
      case BPF_RET | BPF_K: return insn.k;
      case BPF_JMP | BPF_JEQ | BPF_K: holds = a == insn.k; break;
      case BPF_JMP | BPF_JGE | BPF_K: holds = a >= insn.k; break;
      case BPF_JMP | BPF_JGT | BPF_K: holds = a > insn.k; break;
      default: ADD_FAILURE() << "unexpected instruction " << insn.code; return 0;
    }
    pc += holds ? insn.jt : insn.jf;
  }
  ADD_FAILURE() << "ran off the end";
  return 0;
}

std::string Compile(const SeccompProfile& profile) {
  auto program = CompileSeccomp(profile);
  EXPECT_TRUE(program.ok()) << program.error().text();
  return program.ok() ? *program : std::string();
}

uint32_t Number(const std::string& name) { return SyscallNumber(NativeArch(), name).value(); }

// Forks; the child loads the program and runs `body`, whose result is the exit code. 1000 + N: killed by signal N.
int InFilteredChild(const std::string& program, const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    sock_fprog filter{static_cast<unsigned short>(program.size() / sizeof(sock_filter)),
                      reinterpret_cast<sock_filter*>(const_cast<char*>(program.data()))};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
      _exit(250);
    _exit(body());
  }
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(SeccompCompile, EveryComparisonLooksAtAll64Bits) {
  const uint64_t v = 0x00000002'00000005;
  // Around v in the lower half, in the upper half, and with the halves pulling different ways.
  const uint64_t samples[] = {0, 4, 5, 6, v - 1, v, v + 1, 0x1'00000005, 0x3'00000005, 0x1'ffffffff, 0x3'00000000,
                              0x2'00000000, 0x2'ffffffff, UINT64_MAX};
  const auto holds = [](Op op, uint64_t a, uint64_t b) {
    switch (op) {
      case Op::kNotEqual: return a != b;
      case Op::kLess: return a < b;
      case Op::kLessOrEqual: return a <= b;
      case Op::kEqual: return a == b;
      case Op::kGreaterOrEqual: return a >= b;
      case Op::kGreater: return a > b;
      case Op::kMaskedEqual: return (a & b) == 4;
    }
    return false;
  };
  for (const Op op : {Op::kNotEqual, Op::kLess, Op::kLessOrEqual, Op::kEqual, Op::kGreaterOrEqual, Op::kGreater,
                      Op::kMaskedEqual}) {
    for (unsigned index = 0; index < 6; ++index) {
      const std::string program = Compile(
          {.default_action = Errno(EPERM),
           .rules = {{{"read"}, kAllow, {{.index = index, .op = op, .value = v, .masked_value = 4}}}}});
      for (const uint64_t sample : samples) {
        std::array<uint64_t, 6> args{};
        args[index] = sample;
        EXPECT_EQ(Verdict(program, Number("read"), args), holds(op, sample, v) ? kAllow : Errno(EPERM))
            << static_cast<int>(op) << " " << sample;
      }
    }
  }
}

TEST(SeccompCompile, ConditionsOfARuleHoldTogetherAndRulesAreAlternatives) {
  const std::string program = Compile(
      {.default_action = Errno(EPERM),
       .rules = {{{"read"}, kAllow, {{.index = 0, .op = Op::kEqual, .value = 1},
                                     {.index = 1, .op = Op::kEqual, .value = 2}}},
                 {{"read"}, Errno(7), {{.index = 0, .op = Op::kEqual, .value = 9}}},
                 {{"write"}, kAllow, {{.index = 0, .op = Op::kEqual, .value = 1},
                                      {.index = 0, .op = Op::kEqual, .value = 2}}}}});
  EXPECT_EQ(Verdict(program, Number("read"), {1, 2}), kAllow);
  EXPECT_EQ(Verdict(program, Number("read"), {1, 3}), Errno(EPERM));
  EXPECT_EQ(Verdict(program, Number("read"), {9, 2}), Errno(7));
  EXPECT_EQ(Verdict(program, Number("write"), {1}), kAllow);
  EXPECT_EQ(Verdict(program, Number("write"), {2}), kAllow);
  EXPECT_EQ(Verdict(program, Number("write"), {3}), Errno(EPERM));
}

TEST(SeccompCompile, ConditionsComeBeforeTheRuleWithout) {
  for (const bool first : {false, true}) {
    SeccompProfile profile{.default_action = Errno(EPERM), .rules = {{{"read"}, Errno(EPERM), {{.value = 1}}}}};
    profile.rules.insert(first ? profile.rules.begin() : profile.rules.end(), {{"read"}, kAllow, {}});
    profile.rules.push_back({{"read"}, Errno(EPERM), {}});  // says what the default says
    EXPECT_EQ(Verdict(Compile(profile), Number("read"), {1}), Errno(EPERM));
    EXPECT_EQ(Verdict(Compile(profile), Number("read"), {2}), kAllow);
  }
}

TEST(SeccompCompile, NewerCallsAndX32AreNotThereAndForeignArchitecturesKill) {
  const SeccompProfile profile{.default_action = Errno(EPERM), .rules = {{{"read", "mseal", "nosuch"}, kAllow, {}}}};
  const std::string program = Compile(profile);
  EXPECT_EQ(Verdict(program, 462), kAllow);
  EXPECT_EQ(Verdict(program, 461), Errno(EPERM));
  EXPECT_EQ(Verdict(program, 463), Errno(ENOSYS));
  EXPECT_EQ(Verdict(program, 0x3fffffff), Errno(ENOSYS));
  EXPECT_EQ(Verdict(program, Number("read"), {}, AUDIT_ARCH_PPC64), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(program, 3, {}, CompatArch()->audit), SECCOMP_RET_KILL_PROCESS);
#ifdef __x86_64__
  EXPECT_EQ(Verdict(program, 0x40000000 | Number("read")), Errno(ENOSYS));
  EXPECT_EQ(Verdict(program, 0xffffffff), Errno(ENOSYS));
#endif
  // A profile that lets everything else pass lets new calls pass, too.
  EXPECT_EQ(Verdict(Compile({.default_action = kAllow, .rules = {{{"read"}, Errno(1), {}}}}), 500), kAllow);
}

TEST(SeccompCompile, LongProgramsJumpFar) {
  SeccompProfile profile{.default_action = Errno(EPERM), .rules = {}};
  // Every other call has a verdict of its own, so no two neighbours melt together.
  std::vector<std::string> names;
  for (const char* name : {"read", "open", "stat", "lstat", "lseek", "mprotect", "brk", "ioctl", "writev", "pipe"})
    names.push_back(name);
  for (uint32_t i = 0; i < names.size(); ++i)
    for (uint64_t value = 0; value < 30; ++value)
      profile.rules.push_back({{names[i]}, Errno(10 + i), {{.index = 1, .op = Op::kEqual, .value = value}}});
  const std::string program = Compile(profile);
  EXPECT_GT(program.size() / sizeof(sock_filter), 1000u);
  for (uint32_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(Verdict(program, Number(names[i]), {0, 29}), Errno(10 + i));
    EXPECT_EQ(Verdict(program, Number(names[i]), {0, 30}), Errno(EPERM));
  }
  for (int i = 0; i < 100; ++i) profile.rules.insert(profile.rules.end(), profile.rules[0]);
  for (int i = 0; i < 800; ++i) profile.rules.push_back(profile.rules[1]);
  EXPECT_FALSE(CompileSeccomp(profile).ok());
}

TEST(SeccompDefault, AnswersAsContainerd) {
  const std::string program = Compile(DefaultSeccompProfile(kDefaultCapabilities));
  const auto answer = [&](const char* name, std::array<uint64_t, 6> args = {}) {
    return Verdict(program, Number(name), args);
  };
  for (const char* name : {"read", "execve", "openat2", "chroot", "ptrace", "mseal", "statmount", "clone", "socketpair",
                           "futex_waitv", "arch_prctl", "removexattrat"})
    EXPECT_EQ(answer(name), kAllow) << name;
  for (const char* name : {"mount", "bpf", "unshare", "setns", "reboot", "init_module", "keyctl", "add_key",
                           "io_uring_setup", "userfaultfd", "perf_event_open", "open_by_handle_at", "kexec_load",
                           "clock_settime", "mbind", "syslog", "pidfd_getfd", "swapon"})
    EXPECT_EQ(answer(name), Errno(EPERM)) << name;
  EXPECT_EQ(answer("clone3"), Errno(ENOSYS));
  EXPECT_EQ(answer("clone", {SIGCHLD}), kAllow);
  EXPECT_EQ(answer("clone", {CLONE_VM | CLONE_NEWUSER}), Errno(EPERM));
  EXPECT_EQ(answer("personality", {0}), kAllow);
  EXPECT_EQ(answer("personality", {0xffffffff}), kAllow);
  EXPECT_EQ(answer("personality", {0x0040000}), Errno(EPERM));  // ADDR_NO_RANDOMIZE
  EXPECT_EQ(answer("socket", {AF_INET}), kAllow);
  EXPECT_EQ(answer("socket", {39}), kAllow);
  EXPECT_EQ(answer("socket", {AF_ALG}), Errno(EPERM));
  EXPECT_EQ(answer("socket", {AF_VSOCK}), Errno(EPERM));
  EXPECT_EQ(answer("socket", {0x1'00000000 | AF_ALG}), Errno(EPERM));  // the kernel reads 32 bits
  EXPECT_EQ(Verdict(program, 467), Errno(ENOSYS));
}

TEST(SeccompDefault, CapabilitiesOpenTheirCalls) {
  const uint64_t admin = kDefaultCapabilities | uint64_t{1} << CAP_SYS_ADMIN;
  const std::string program = Compile(DefaultSeccompProfile(admin));
  for (const char* name : {"mount", "unshare", "clone3", "bpf", "setns"})
    EXPECT_EQ(Verdict(program, Number(name)), kAllow) << name;
  EXPECT_EQ(Verdict(program, Number("clone"), {CLONE_NEWUSER}), kAllow);
  EXPECT_EQ(Verdict(program, Number("reboot")), Errno(EPERM));
  EXPECT_EQ(Verdict(Compile(DefaultSeccompProfile(0)), Number("chroot")), Errno(EPERM));
}

#ifdef __x86_64__
TEST(SeccompDefault, PermitsThirtyTwoBitPrograms) {
  const std::string program = Compile(DefaultSeccompProfile(kDefaultCapabilities));
  const auto answer = [&](uint32_t nr, std::array<uint64_t, 6> args = {}) {
    return Verdict(program, nr, args, AUDIT_ARCH_I386);
  };
  EXPECT_EQ(answer(3), kAllow);                    // read
  EXPECT_EQ(answer(102), kAllow);                  // socketcall
  EXPECT_EQ(answer(359, {AF_INET}), kAllow);       // socket
  EXPECT_EQ(answer(359, {AF_ALG}), Errno(EPERM));
  EXPECT_EQ(answer(395), kAllow);                  // shmget
  EXPECT_EQ(answer(21), Errno(EPERM));             // mount
  EXPECT_EQ(answer(462), kAllow);                  // mseal
  EXPECT_EQ(answer(467), Errno(ENOSYS));
}
#endif

TEST(SeccompDefault, TheKernelTakesItAndObeys) {
  const std::string program = Compile(DefaultSeccompProfile(kDefaultCapabilities));
  EXPECT_LT(program.size() / sizeof(sock_filter), 600u);
  const int code = InFilteredChild(program, [] {
    if (syscall(SYS_unshare, CLONE_NEWUTS) != -1 || errno != EPERM) return 1;
    if (syscall(SYS_clone3, nullptr, 0) != -1 || errno != ENOSYS) return 2;
    if (syscall(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0) != -1 || errno != EPERM) return 3;
    if (syscall(SYS_socket, 0x100000000L | AF_ALG, SOCK_SEQPACKET, 0) != -1 || errno != EPERM) return 4;
    if (syscall(500) != -1 || errno != ENOSYS) return 5;
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || close(fd) != 0) return 6;
    const pid_t pid = fork();
    if (pid == 0) _exit(33);
    int status = 0;
    if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 33) return 7;
    return 42;
  });
  EXPECT_EQ(code, 42);
}

SeccompProfile Parsed(const std::string& text, uint64_t caps = 0) {
  auto profile = ParseSeccompProfile(text, caps);
  EXPECT_TRUE(profile.ok()) << profile.error().text();
  return profile.ok() ? *profile : SeccompProfile();
}

TEST(SeccompJson, OciFormat) {
  const SeccompProfile profile = Parsed(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_S390X"],
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "syscalls": [
      {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
      {"names": ["chmod"], "action": "SCMP_ACT_ERRNO"},
      {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5},
      {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
       "args": [{"index": 0, "value": 18446744073709551615, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}]}]})");
  EXPECT_EQ(profile.default_action, Errno(38));
  EXPECT_TRUE(profile.compat);
  ASSERT_EQ(profile.rules.size(), 4u);
  EXPECT_EQ(profile.rules[0].names, (std::vector<std::string>{"read", "write"}));
  EXPECT_EQ(profile.rules[1].action, Errno(EPERM));
  EXPECT_EQ(profile.rules[2].action, Errno(5));
  EXPECT_EQ(profile.rules[3].args.at(0).value, UINT64_MAX);
  EXPECT_EQ(profile.rules[3].args.at(0).masked_value, 3u);
  EXPECT_FALSE(Parsed(R"({"defaultAction":"SCMP_ACT_ALLOW"})").compat);
}

TEST(SeccompJson, DockerFormatIsResolvedForThisNode) {
  const std::string text = Cat(R"({"defaultAction":"SCMP_ACT_ERRNO",
    "archMap":[{"architecture":")", NativeArch().oci, R"(","subArchitectures":[")", CompatArch()->oci, R"("]},
               {"architecture":"SCMP_ARCH_S390X","subArchitectures":["SCMP_ARCH_S390"]}],
    "syscalls":[
      {"name":"read","action":"SCMP_ACT_ALLOW","comment":"","includes":{},"excludes":{}},
      {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
      {"names":["clone3"],"action":"SCMP_ACT_ERRNO","errnoRet":38,"excludes":{"caps":["CAP_SYS_ADMIN"]}},
      {"names":["arch_prctl"],"action":"SCMP_ACT_ALLOW","includes":{"arches":[")", NativeArch().go, R"("]}},
      {"names":["sync"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["s390x"]}},
      {"names":["brk"],"action":"SCMP_ACT_ALLOW","excludes":{"arches":[")", NativeArch().go, R"("]}},
      {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
      {"names":["kcmp"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"999.0"}},
      {"names":["acct"],"action":"SCMP_ACT_ALLOW","excludes":{"minKernel":"4.8"}}]})");
  const auto names = [&](uint64_t caps) {
    std::string out;
    for (const SeccompRule& rule : Parsed(text, caps).rules) out += rule.names.at(0) + " ";
    return out;
  };
  EXPECT_EQ(names(0), "read clone3 arch_prctl ptrace ");
  EXPECT_EQ(names(uint64_t{1} << CAP_SYS_ADMIN), "read mount arch_prctl ptrace ");
  EXPECT_TRUE(Parsed(text).compat);
}

TEST(SeccompJson, BadProfilesAreErrorsThatSayWhere) {
  const auto with_rule = [](std::string_view rule) {
    return Cat(R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[)", rule, "]}");
  };
  std::string many = R"({"names":[)";
  for (int i = 0; i < 9000; ++i) many += "\"read\",";
  many += R"("read"],"action":"SCMP_ACT_ALLOW"})";
  const std::pair<std::string, std::string> cases[] = {
      {"", "not JSON"},
      {"[]", "no JSON object"},
      {"{}", "defaultAction"},
      {R"({"defaultAction":"SCMP_ACT_NOTIFY"})", "\"SCMP_ACT_NOTIFY\" is not supported"},
      {R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":4096})", "errnoRet"},
      {R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}})", "syscalls is no list"},
      {R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":[1]})", "architectures"},
      {R"({"defaultAction":"SCMP_ACT_ALLOW","archMap":[1]})", "archMap"},
      {with_rule("7"), "syscalls[0] is no object"},
      {with_rule(R"({"action":"SCMP_ACT_ALLOW"})"), "syscalls[0]: names is empty"},
      {with_rule(R"({"names":["read"]})"), "syscalls[0]: action"},
      {with_rule(R"({"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":6,"op":"SCMP_CMP_EQ"}]})"), "args.index"},
      {with_rule(R"({"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"op":"EQ"}]})"), "args.op"},
      {with_rule(R"({"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"op":"SCMP_CMP_EQ","value":-1}]})"), "args.value"},
      {with_rule(R"({"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["X"]}})"), "unknown capability"},
      {with_rule(R"({"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"new"}})"), "minKernel"},
      {with_rule(many), "more than"},
  };
  for (const auto& [text, expected] : cases) {
    const auto profile = ParseSeccompProfile(text, 0);
    ASSERT_FALSE(profile.ok()) << text;
    EXPECT_EQ(profile.error().code(), Code::kInvalidArgument);
    EXPECT_NE(profile.error().text().find(expected), std::string::npos) << profile.error().text();
  }
}

class SeccompFiles : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cradle-seccomp.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text;
    return dir_ + "/" + name;
  }

  std::string dir_;
  std::unique_ptr<SeccompCache> cache_ = SeccompCache::Create();
};

TEST_F(SeccompFiles, ALocalhostProfileBlocksWhatItNames) {
  const std::string path = Write("p.json", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["chmod","fchmodat"],"action":"SCMP_ACT_ERRNO"},{"names":["swapon"],"action":"SCMP_ACT_KILL"}]})");
  const auto program = cache_->Localhost(path, 0);
  ASSERT_TRUE(program.ok()) << program.error().text();
  EXPECT_EQ(InFilteredChild(*program, [] {
              return syscall(SYS_fchmodat, AT_FDCWD, "/nosuch", 0400) == -1 && errno == EPERM ? 42 : 1;
            }), 42);
  EXPECT_EQ(InFilteredChild(*program, [] { return static_cast<int>(syscall(SYS_swapon, "", 0)); }), 1000 + SIGSYS);
  // The same path with another text is another profile.
  Write("p.json", R"({"defaultAction":"SCMP_ACT_ALLOW"})");
  EXPECT_NE(*cache_->Localhost(path, 0), *program);
}

TEST_F(SeccompFiles, MissingEmptyOversizedAndStrangeFilesAreErrorsThatNameThePath) {
  ASSERT_EQ(mkfifo((dir_ + "/fifo").c_str(), 0600), 0);
  const std::pair<std::string, Code> cases[] = {
      {"", Code::kInvalidArgument},
      {"p.json", Code::kInvalidArgument},
      {dir_ + "/gone.json", Code::kNotFound},
      {dir_, Code::kInvalidArgument},
      {dir_ + "/fifo", Code::kInvalidArgument},
      {Write("empty", ""), Code::kInvalidArgument},
      {Write("text", "hello"), Code::kInvalidArgument},
      {Write("big", std::string((1 << 20) + 1, ' ')), Code::kInvalidArgument},
  };
  for (const auto& [path, code] : cases) {
    const auto program = cache_->Localhost(path, 0);
    ASSERT_FALSE(program.ok()) << path;
    EXPECT_EQ(program.error().code(), code) << program.error().text();
    EXPECT_TRUE(program.error().text().starts_with(Cat("seccomp profile \"", path, "\""))) << program.error().text();
  }
}

TEST(SeccompCacheTest, GivesTheDefaultForTheCapabilities) {
  const auto cache = SeccompCache::Create();
  const uint64_t admin = kDefaultCapabilities | uint64_t{1} << CAP_SYS_ADMIN;
  EXPECT_EQ(*cache->RuntimeDefault(kDefaultCapabilities), Compile(DefaultSeccompProfile(kDefaultCapabilities)));
  EXPECT_EQ(*cache->RuntimeDefault(admin), Compile(DefaultSeccompProfile(admin)));
}

}  // namespace
}  // namespace cradle::container
