// The program for one architecture, as a tree of code that only ever jumps forward and ends in returns:
//
//   load nr; x32: ENOSYS; above the highest named: ENOSYS; binary search over ranges of calls with the same verdict;
//   a call with conditional rules: each rule tests its conditions and returns, or falls to the next.
//
// Pieces are built from the leaves up and joined, so a jump's distance is the length of what it jumps over. Conditional
// jumps reach 255 instructions; farther ones go through a BPF_JA.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <map>

#include "container/seccomp_profile.h"
#include "container/syscall_numbers.h"

namespace cradle::container {
namespace {

using Code = std::vector<sock_filter>;
using Op = SeccompArg::Op;

constexpr uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint32_t kX32Bit = 0x40000000;

sock_filter Load(size_t offset) { return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<uint32_t>(offset)}; }
sock_filter Return(uint32_t action) { return {BPF_RET | BPF_K, 0, 0, action}; }
sock_filter And(uint32_t mask) { return {BPF_ALU | BPF_AND | BPF_K, 0, 0, mask}; }
sock_filter Jump(uint16_t test, uint32_t value, size_t if_true, size_t if_false) {
  return {static_cast<uint16_t>(BPF_JMP | test | BPF_K), static_cast<uint8_t>(if_true), static_cast<uint8_t>(if_false),
          value};
}

void Append(Code& code, const Code& more) { code.insert(code.end(), more.begin(), more.end()); }

// Runs `yes` when the test of the accumulator holds, else `no`. Both end in returns.
Code Choose(uint16_t test, uint32_t value, const Code& yes, const Code& no) {
  Code code;
  if (no.size() <= 255) {
    code.push_back(Jump(test, value, no.size(), 0));
  } else {
    code.push_back(Jump(test, value, 0, 1));
    code.push_back({BPF_JMP | BPF_JA, 0, 0, static_cast<uint32_t>(no.size())});
  }
  Append(code, no);
  Append(code, yes);
  return code;
}

// Falls through when the condition holds; else jumps over `skip` further instructions. At most 6 long.
Code Test(const SeccompArg& arg, size_t skip) {
  const size_t low = offsetof(seccomp_data, args) + arg.index * sizeof(uint64_t);
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lower half comes first");
  const size_t high = low + sizeof(uint32_t);
  const auto upper = [](uint64_t value) { return static_cast<uint32_t>(value >> 32); };
  const auto lower = [](uint64_t value) { return static_cast<uint32_t>(value); };
  const uint64_t v = arg.value;
  // Of the upper half: greater decides one way, less the other, equal asks the lower half.
  const auto ordered = [&](bool greater_holds, sock_filter last) {
    return Code{Load(high), greater_holds ? Jump(BPF_JGT, upper(v), 3, 0) : Jump(BPF_JGT, upper(v), skip + 3, 0),
                greater_holds ? Jump(BPF_JEQ, upper(v), 0, skip + 2) : Jump(BPF_JEQ, upper(v), 0, 2), Load(low), last};
  };
  switch (arg.op) {
    case Op::kEqual:
      return {Load(high), Jump(BPF_JEQ, upper(v), 0, skip + 2), Load(low), Jump(BPF_JEQ, lower(v), 0, skip)};
    case Op::kNotEqual:
      return {Load(high), Jump(BPF_JEQ, upper(v), 0, 2), Load(low), Jump(BPF_JEQ, lower(v), skip, 0)};
    case Op::kGreater:
      return ordered(true, Jump(BPF_JGT, lower(v), 0, skip));
    case Op::kGreaterOrEqual:
      return ordered(true, Jump(BPF_JGE, lower(v), 0, skip));
    case Op::kLess:
      return ordered(false, Jump(BPF_JGE, lower(v), skip, 0));
    case Op::kLessOrEqual:
      return ordered(false, Jump(BPF_JGT, lower(v), skip, 0));
    case Op::kMaskedEqual:
      break;
  }
  return {Load(high), And(upper(v)), Jump(BPF_JEQ, upper(arg.masked_value), 0, skip + 3),
          Load(low),  And(lower(v)), Jump(BPF_JEQ, lower(arg.masked_value), 0, skip)};
}

struct Conditional {
  std::vector<SeccompArg> args;
  uint32_t action;
};
// What becomes of one call.
struct Verdict {
  uint32_t action;                       // when no condition holds
  std::vector<Conditional> conditional;  // the first that holds
};

Code Decide(const Verdict& verdict) {
  Code code;
  for (const Conditional& rule : verdict.conditional) {
    Code tests = {Return(rule.action)};
    for (auto arg = rule.args.rbegin(); arg != rule.args.rend(); ++arg) {
      Code test = Test(*arg, tests.size());
      Append(test, tests);
      tests = std::move(test);
    }
    Append(code, tests);
  }
  code.push_back(Return(verdict.action));
  return code;
}

using Table = std::map<uint32_t, Verdict>;

void AddRule(const SeccompRule& rule, Verdict& verdict, bool& unconditional) {
  if (rule.args.empty()) {
    if (!unconditional) verdict.action = rule.action;
    unconditional = true;
    return;
  }
  std::vector<bool> seen(6);
  bool repeated = false;
  for (const SeccompArg& arg : rule.args) {
    repeated |= seen[arg.index];
    seen[arg.index] = true;
  }
  if (!repeated) return verdict.conditional.push_back({rule.args, rule.action});
  for (const SeccompArg& arg : rule.args) verdict.conditional.push_back({{arg}, rule.action});
}

Table MakeTable(const SeccompProfile& profile, const SyscallArch& arch) {
  Table table;
  std::map<uint32_t, bool> unconditional;
  for (const SeccompRule& rule : profile.rules) {
    for (const std::string& name : rule.names) {
      const auto number = SyscallNumber(arch, name);
      if (!number) continue;
      Verdict& verdict = table.try_emplace(*number, Verdict{profile.default_action, {}}).first->second;
      const bool says_nothing = rule.args.empty() && rule.action == profile.default_action;
      if (!says_nothing) AddRule(rule, verdict, unconditional[*number]);
    }
  }
  return table;
}

bool Refuses(uint32_t action) {
  const uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
  return kind == SECCOMP_RET_ERRNO || kind == SECCOMP_RET_KILL_THREAD || kind == SECCOMP_RET_KILL_PROCESS;
}

// From `first` to the next range's first.
struct Range {
  uint32_t first;
  Code code;
};

// Neighbours with the same verdict make one range; gaps are the default's.
std::vector<Range> MakeRanges(const Table& table, uint32_t default_action) {
  std::vector<Range> ranges;
  const auto add = [&](uint32_t first, Code code) {
    const auto same = [](const sock_filter& a, const sock_filter& b) {
      return a.code == b.code && a.jt == b.jt && a.jf == b.jf && a.k == b.k;
    };
    const bool as_before = !ranges.empty() && std::equal(code.begin(), code.end(), ranges.back().code.begin(),
                                                         ranges.back().code.end(), same);
    if (!as_before) ranges.push_back({first, std::move(code)});
  };
  uint32_t next = 0;
  for (const auto& [number, verdict] : table) {
    if (number > next) add(next, {Return(default_action)});
    add(number, Decide(verdict));
    next = number + 1;
  }
  add(next, {Return(Refuses(default_action) ? kNoSuchCall : default_action)});
  return ranges;
}

Code Search(const Range* begin, const Range* end) {
  if (end - begin == 1) return begin->code;
  const Range* const middle = begin + (end - begin) / 2;
  return Choose(BPF_JGE, middle->first, Search(middle, end), Search(begin, middle));
}

Code CompileArch(const SeccompProfile& profile, const SyscallArch& arch) {
  const std::vector<Range> ranges = MakeRanges(MakeTable(profile, arch), profile.default_action);
  Code code = {Load(offsetof(seccomp_data, nr))};
  const Code search = Search(ranges.data(), ranges.data() + ranges.size());
#ifdef __x86_64__
  if (&arch == &NativeArch()) {
    Append(code, Choose(BPF_JGE, kX32Bit, {Return(kNoSuchCall)}, search));
    return code;
  }
#endif
  Append(code, search);
  return code;
}

}  // namespace

Result<std::string> CompileSeccomp(const SeccompProfile& profile) {
  Code rest = {Return(SECCOMP_RET_KILL_PROCESS)};
  if (const SyscallArch* compat = CompatArch(); profile.compat && compat != nullptr)
    rest = Choose(BPF_JEQ, compat->audit, CompileArch(profile, *compat), rest);
  Code code = {Load(offsetof(seccomp_data, arch))};
  Append(code, Choose(BPF_JEQ, NativeArch().audit, CompileArch(profile, NativeArch()), rest));
  if (code.size() > BPF_MAXINSNS)
    return InvalidArgument(Cat("the seccomp profile needs ", std::to_string(code.size()),
                               " instructions, more than the kernel's 4096"));
  return std::string(reinterpret_cast<const char*>(code.data()), code.size() * sizeof(sock_filter));
}

}  // namespace cradle::container
