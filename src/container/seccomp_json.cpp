// Profiles as files: the OCI runtime specification's config.md#seccomp, and Docker's seccomp profile.
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>

#include "container/capabilities.h"
#include "container/json.h"
#include "container/seccomp_profile.h"
#include "container/syscall_numbers.h"

namespace cradle::container {
namespace {

constexpr size_t kMaxRules = 8192;  // names, each with each of its rules
constexpr uint64_t kMaxErrno = 4095;
// What a missing list or object is read as.
const nlohmann::json kNothing;

const nlohmann::json& At(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

Error Bad(std::string_view field, std::string_view why) { return InvalidArgument(Cat(field, why)); }

Result<std::string> Text(const nlohmann::json& node, const char* field) {
  if (!node.is_string()) return Bad(field, " is no string");
  return node.get<std::string>();
}

// Missing: none.
Result<std::vector<std::string>> Texts(const nlohmann::json& node, const char* field) {
  if (node.is_null()) return std::vector<std::string>();
  if (!node.is_array()) return Bad(field, " is no list");
  std::vector<std::string> out;
  for (const auto& entry : node) out.push_back(TRY(Text(entry, field)));
  return out;
}

Result<uint64_t> Natural(const nlohmann::json& node, const char* field, uint64_t missing, uint64_t most) {
  if (node.is_null()) return missing;
  if (!node.is_number_unsigned() || node.get<uint64_t>() > most) return Bad(field, " is no whole number in range");
  return node.get<uint64_t>();
}

Result<uint32_t> Action(const nlohmann::json& node, const nlohmann::json& errno_node, const char* field) {
  const std::string name = TRY(Text(node, field));
  const auto data = static_cast<uint32_t>(TRY(Natural(errno_node, "errnoRet", EPERM, kMaxErrno)));
  if (name == "SCMP_ACT_ALLOW") return SECCOMP_RET_ALLOW;
  if (name == "SCMP_ACT_ERRNO") return SECCOMP_RET_ERRNO | data;
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SECCOMP_RET_KILL_THREAD;
  if (name == "SCMP_ACT_KILL_PROCESS") return SECCOMP_RET_KILL_PROCESS;
  if (name == "SCMP_ACT_TRAP") return SECCOMP_RET_TRAP;
  if (name == "SCMP_ACT_TRACE") return SECCOMP_RET_TRACE | data;
  if (name == "SCMP_ACT_LOG") return SECCOMP_RET_LOG;
  return Bad(field, Cat(" \"", name.substr(0, 64), "\" is not supported"));
}

Result<SeccompArg::Op> Comparison(const nlohmann::json& node) {
  using Op = SeccompArg::Op;
  static constexpr std::pair<std::string_view, Op> kOps[] = {
      {"SCMP_CMP_NE", Op::kNotEqual},     {"SCMP_CMP_LT", Op::kLess},
      {"SCMP_CMP_LE", Op::kLessOrEqual},  {"SCMP_CMP_EQ", Op::kEqual},
      {"SCMP_CMP_GE", Op::kGreaterOrEqual}, {"SCMP_CMP_GT", Op::kGreater},
      {"SCMP_CMP_MASKED_EQ", Op::kMaskedEqual}};
  const std::string name = TRY(Text(node, "args.op"));
  for (const auto& [known, op] : kOps)
    if (known == name) return op;
  return Bad("args.op", Cat(" \"", name.substr(0, 64), "\" is unknown"));
}

Result<std::vector<SeccompArg>> Args(const nlohmann::json& node) {
  if (node.is_null()) return std::vector<SeccompArg>();
  if (!node.is_array()) return Bad("args", " is no list");
  std::vector<SeccompArg> args;
  for (const auto& entry : node) {
    if (!entry.is_object()) return Bad("args", " holds what is no object");
    SeccompArg arg;
    arg.index = static_cast<unsigned>(TRY(Natural(At(entry, "index"), "args.index", 0, 5)));
    arg.op = TRY(Comparison(At(entry, "op")));
    arg.value = TRY(Natural(At(entry, "value"), "args.value", 0, UINT64_MAX));
    arg.masked_value = TRY(Natural(At(entry, "valueTwo"), "args.valueTwo", 0, UINT64_MAX));
    args.push_back(arg);
  }
  return args;
}

// What a Docker profile's includes and excludes are held against.
struct Circumstances {
  uint64_t caps;
  std::pair<int, int> kernel;
};

Result<std::pair<int, int>> Version(const std::string& text) {
  std::pair<int, int> version;
  const char* const end = text.data() + text.size();
  const auto [dot, error] = std::from_chars(text.data(), end, version.first);
  if (error != std::errc() || dot == end || *dot != '.' ||
      std::from_chars(dot + 1, end, version.second).ec != std::errc())
    return Bad("minKernel", Cat(" \"", text.substr(0, 64), "\" is no version"));
  return version;
}

std::pair<int, int> RunningKernel() {
  utsname name{};
  if (::uname(&name) != 0) return {};
  auto version = Version(name.release);
  return version.ok() ? *version : std::pair<int, int>();
}

bool HasArch(const std::vector<std::string>& arches) {
  return std::find(arches.begin(), arches.end(), NativeArch().go) != arches.end();
}

// A rule holds when every capability, one architecture and the kernel of `includes` are given, and nothing of
// `excludes` is.
Result<bool> Applies(const nlohmann::json& rule, const Circumstances& here) {
  const auto each = [&](const char* which, auto&& decide) -> Result<bool> {
    const nlohmann::json& filter = At(rule, which);
    if (filter.is_null()) return true;
    if (!filter.is_object()) return Bad(which, " is no object");
    uint64_t caps = 0;
    for (const std::string& name : TRY(Texts(At(filter, "caps"), "caps"))) caps |= TRY(ParseCapability("caps", name));
    const auto arches = TRY(Texts(At(filter, "arches"), "arches"));
    const nlohmann::json& kernel = At(filter, "minKernel");
    const bool has_kernel = !kernel.is_null() && !(kernel.is_string() && kernel.get<std::string>().empty());
    const bool kernel_met = has_kernel && here.kernel >= TRY(Version(TRY(Text(kernel, "minKernel"))));
    return decide(caps, arches, has_kernel, kernel_met);
  };
  const bool included = TRY(each("includes", [&](uint64_t caps, const auto& arches, bool has_kernel, bool kernel_met) {
    return (caps & ~here.caps) == 0 && (arches.empty() || HasArch(arches)) && (!has_kernel || kernel_met);
  }));
  const bool spared = TRY(each("excludes", [&](uint64_t caps, const auto& arches, bool, bool kernel_met) {
    return (caps & here.caps) == 0 && !HasArch(arches) && !kernel_met;
  }));
  return included && spared;
}

// True when the profile is for the 32-bit sibling, too.
Result<bool> WantsCompat(const nlohmann::json& document) {
  auto listed = TRY(Texts(At(document, "architectures"), "architectures"));
  const nlohmann::json& map = At(document, "archMap");
  if (!map.is_null() && !map.is_array()) return Bad("archMap", " is no list");
  for (const auto& entry : map) {
    if (!entry.is_object()) return Bad("archMap", " holds what is no object");
    if (TRY(Text(At(entry, "architecture"), "archMap.architecture")) != NativeArch().oci) continue;
    for (std::string& sub : TRY(Texts(At(entry, "subArchitectures"), "archMap.subArchitectures")))
      listed.push_back(std::move(sub));
  }
  const SyscallArch* const compat = CompatArch();
  return compat != nullptr && std::find(listed.begin(), listed.end(), compat->oci) != listed.end();
}

Result<SeccompRule> Rule(const nlohmann::json& node) {
  SeccompRule rule;
  rule.names = TRY(Texts(At(node, "names"), "names"));
  if (const nlohmann::json& name = At(node, "name"); !name.is_null()) rule.names.push_back(TRY(Text(name, "name")));
  if (rule.names.empty()) return Bad("names", " is empty");
  rule.action = TRY(Action(At(node, "action"), At(node, "errnoRet"), "action"));
  rule.args = TRY(Args(At(node, "args")));
  return rule;
}

}  // namespace

Result<SeccompProfile> ParseSeccompProfile(std::string_view text, uint64_t caps) {
  auto parsed = json::ParseDocument(text);
  if (!parsed.ok()) return std::move(parsed.error()).As(Code::kInvalidArgument);
  const nlohmann::json& document = *parsed;
  if (!document.is_object()) return Bad("the profile", " is no JSON object");
  SeccompProfile profile;
  profile.default_action =
      TRY(Action(At(document, "defaultAction"), At(document, "defaultErrnoRet"), "defaultAction"));
  profile.compat = TRY(WantsCompat(document));
  const nlohmann::json& rules = At(document, "syscalls");
  if (!rules.is_null() && !rules.is_array()) return Bad("syscalls", " is no list");
  const Circumstances here{caps, RunningKernel()};
  size_t count = 0;
  size_t index = 0;
  for (const auto& node : rules) {
    const std::string where = Cat("syscalls[", std::to_string(index++), "]");
    if (!node.is_object()) return Bad(where, " is no object");
    if (!TRY(Applies(node, here).With(where))) continue;
    profile.rules.push_back(TRY(Rule(node).With(where)));
    count += profile.rules.back().names.size() * std::max<size_t>(1, profile.rules.back().args.size());
    if (count > kMaxRules) return Bad("syscalls", Cat(": more than ", std::to_string(kMaxRules), " rules"));
  }
  return profile;
}

}  // namespace cradle::container
