#include "cgroups/v2_devices.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <map>
#include <tuple>

#include "base/sys/bpf.h"
#include "base/sys/file.h"

namespace cradle::cgroups {
namespace {

constexpr int kAttempts = 20;  // somebody else (systemd) may change the programs at the same time
constexpr uint32_t kAnyAccess = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

uint32_t AccessBits(const std::string& access) {
  uint32_t bits = 0;
  for (char c : access)
    bits |= c == 'r' ? BPF_DEVCG_ACC_READ : c == 'w' ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
  return bits;
}

struct Device {
  char type;
  int64_t major, minor;
  auto operator<=>(const Device&) const = default;
};

// As v1 keeps it: the default, and the accesses of each device that are otherwise.
struct Policy {
  bool allow = false;
  std::map<Device, uint32_t> exceptions;
};

Policy PolicyOf(const std::vector<DeviceRule>& rules) {
  Policy policy;
  for (const DeviceRule& rule : rules) {
    if (rule.type == 'a') {
      policy = {rule.allow, {}};
      continue;
    }
    uint32_t& bits = policy.exceptions[{rule.type, rule.major, rule.minor}];
    uint32_t named = AccessBits(rule.access);
    bits = rule.allow == policy.allow ? bits & ~named : bits | named;
  }
  return policy;
}

// Registers: 2 the device's type, 3 the accesses asked for, 4 major, 5 minor; 1 for calculating.
class Program {
 public:
  Program() {
    Load(2, offsetof(bpf_cgroup_dev_ctx, access_type));
    Load(4, offsetof(bpf_cgroup_dev_ctx, major));
    Load(5, offsetof(bpf_cgroup_dev_ctx, minor));
    Move(3, 2);
    Add(BPF_ALU | BPF_AND | BPF_K, 2, 0xffff);
    Add(BPF_ALU | BPF_RSH | BPF_K, 3, 16);
  }

  // An exception from what is allowed holds as soon as one of its accesses is asked for; one from what is
  // denied only when no other is.
  void Exception(const Device& device, uint32_t bits, bool allow) {
    if (bits == 0) return;
    std::vector<size_t> to_next;
    auto unless_equal = [&](uint8_t reg, int64_t value) {
      to_next.push_back(code_.size());
      Add(BPF_JMP | BPF_JNE | BPF_K, reg, static_cast<int32_t>(value));
    };
    unless_equal(2, device.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (device.major >= 0) unless_equal(4, device.major);
    if (device.minor >= 0) unless_equal(5, device.minor);
    Move(1, 3);
    Add(BPF_ALU | BPF_AND | BPF_K, 1, static_cast<int32_t>(allow ? kAnyAccess & ~bits : bits));
    to_next.push_back(code_.size());
    Add(BPF_JMP | (allow ? BPF_JNE : BPF_JEQ) | BPF_K, 1, 0);
    Answer(allow);
    for (size_t jump : to_next) code_[jump].off = static_cast<int16_t>(code_.size() - jump - 1);
  }
  void Answer(bool allow) {
    Add(BPF_ALU64 | BPF_MOV | BPF_K, 0, allow);
    Add(BPF_JMP | BPF_EXIT, 0, 0);
  }
  std::vector<bpf_insn> Take() { return std::move(code_); }

 private:
  void Add(int code, uint8_t to, int32_t value) { Put(code, to, 0, 0, value); }
  void Move(uint8_t to, uint8_t from) { Put(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0); }
  void Load(uint8_t to, size_t offset) {
    Put(BPF_LDX | BPF_MEM | BPF_W, to, 1, static_cast<int16_t>(offset), 0);
  }
  void Put(int code, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
    bpf_insn insn{};
    insn.code = static_cast<uint8_t>(code);
    insn.dst_reg = to & 15;
    insn.src_reg = from & 15;
    insn.off = offset;
    insn.imm = value;
    code_.push_back(insn);
  }

  std::vector<bpf_insn> code_;
};

uint64_t Address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
uint32_t Number(FdRef fd) { return static_cast<uint32_t>(fd.get()); }

Result<UniqueFd> LoadProgram(const std::vector<bpf_insn>& code) {
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = Address(code.data());
  attr.insn_cnt = static_cast<uint32_t>(code.size());
  attr.license = Address("Apache-2.0");
  attr.expected_attach_type = BPF_CGROUP_DEVICE;
  return sys::BpfOpen(BPF_PROG_LOAD, attr);
}

// Those of the group itself, not of the groups above.
Result<std::vector<UniqueFd>> AttachedPrograms(FdRef group) {
  std::array<uint32_t, 64> ids{};  // the kernel's limit on one group
  bpf_attr attr{};
  attr.query.target_fd = Number(group);
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = Address(ids.data());
  attr.query.prog_cnt = ids.size();
  TRYV(sys::Bpf(BPF_PROG_QUERY, attr));
  std::vector<UniqueFd> programs;
  for (uint32_t i = 0; i < attr.query.prog_cnt; ++i) {
    bpf_attr get{};
    get.prog_id = ids[i];
    programs.push_back(TRY(sys::BpfOpen(BPF_PROG_GET_FD_BY_ID, get)));
  }
  return programs;
}

// `old`: the program to be replaced; invalid: none.
Result<> Attach(FdRef group, FdRef program, FdRef old) {
  bpf_attr attr{};
  attr.target_fd = Number(group);
  attr.attach_bpf_fd = Number(program);
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (old.valid()) {
    attr.attach_flags |= BPF_F_REPLACE;
    attr.replace_bpf_fd = Number(old);
  }
  return sys::Bpf(BPF_PROG_ATTACH, attr);
}

Result<> Detach(FdRef group, FdRef program) {
  bpf_attr attr{};
  attr.target_fd = Number(group);
  attr.attach_bpf_fd = Number(program);
  attr.attach_type = BPF_CGROUP_DEVICE;
  return sys::Bpf(BPF_PROG_DETACH, attr);
}

Result<> Replace(FdRef group, FdRef program) {
  std::vector<UniqueFd> old = TRY(AttachedPrograms(group));
  TRYV(Attach(group, program, old.empty() ? FdRef() : FdRef(old.front())));
  for (size_t i = 1; i < old.size(); ++i) TRYV(Detach(group, old[i]));
  return {};
}

}  // namespace

std::vector<bpf_insn> BuildDeviceProgram(const std::vector<DeviceRule>& rules) {
  Policy policy = PolicyOf(rules);
  Program program;
  for (const auto& [device, bits] : policy.exceptions)
    program.Exception(device, bits, !policy.allow);
  program.Answer(policy.allow);
  return program.Take();
}

Result<> AttachDevices(const Tree& tree, const std::string& path,
                       const std::vector<DeviceRule>& rules) {
  auto failed = [](Error error) { return std::move(error).As(Code::kFailedPrecondition).With("devices"); };
  auto program = LoadProgram(BuildDeviceProgram(rules));
  if (!program.ok()) return failed(std::move(program.error()));
  auto dir = sys::OpenAt(kCwd, tree.Dir(path), O_RDONLY | O_DIRECTORY);
  if (!dir.ok()) return std::move(dir.error());
  for (int attempt = 1;; ++attempt) {
    auto replaced = Replace(*dir, *program);
    if (replaced.ok()) return {};
    if (replaced.error().err() != ENOENT || attempt == kAttempts)
      return failed(std::move(replaced.error()));
  }
}

}  // namespace cradle::cgroups
