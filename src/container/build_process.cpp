#include <linux/capability.h>

#include <algorithm>
#include <charconv>

#include "container/apparmor.h"
#include "container/build_plan.h"
#include "container/capabilities.h"

namespace cradle::container {
namespace {

constexpr char kDefaultPath[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// The largest id that an image may name; runc's and containerd's limit too.
constexpr int64_t kMaxImageId = 0x7fffffff;

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

// Docker's rule: a command replaces the image's entrypoint and its arguments; arguments alone replace the latter only.
Result<std::vector<std::string>> BuildArgs(const ContainerSpec& spec, const image::ImageConfig& image) {
  std::vector<std::string> args = spec.command;
  const auto append = [&](const std::vector<std::string>& more) { args.insert(args.end(), more.begin(), more.end()); };
  // [""] is how a Dockerfile takes an entrypoint away.
  if (spec.command.empty() && image.entrypoint != std::vector<std::string>{""}) append(image.entrypoint);
  append(spec.command.empty() && spec.args.empty() ? image.cmd : spec.args);
  if (args.empty()) return InvalidArgument("no command specified: neither the request nor the image has one");
  if (args.front().empty()) return InvalidArgument("command: the program's name is empty");
  if (std::any_of(args.begin(), args.end(), HasNul)) return InvalidArgument("command: an argument holds a NUL byte");
  return args;
}

// "K=V" once per key: a later value takes the earlier one's place.
void SetEnv(std::vector<std::string>& env, std::string entry) {
  const std::string key = entry.substr(0, entry.find('=') + 1);
  const auto found =
      std::find_if(env.begin(), env.end(), [&](const std::string& old) { return old.starts_with(key); });
  if (found == env.end()) env.push_back(std::move(entry));
  else *found = std::move(entry);
}

bool IsEnvEntry(const std::string& entry) { return CheckEnvEntry(entry).ok(); }

Result<std::vector<std::string>> BuildEnv(const ContainerSpec& spec, const image::ImageConfig& image,
                                          const PodContext& pod, const Defaults& defaults) {
  std::vector<std::string> env = {kDefaultPath};
  for (const std::string& entry : defaults.env) SetEnv(env, entry);
  if (spec.tty) SetEnv(env, "TERM=xterm");
  if (!pod.hostname.empty()) SetEnv(env, Cat("HOSTNAME=", pod.hostname));
  for (const std::string& entry : image.env)
    if (IsEnvEntry(entry)) SetEnv(env, entry);
  for (const std::string& entry : spec.env) {
    if (!IsEnvEntry(entry)) return InvalidArgument(Cat("envs: \"", entry.substr(0, 64), "\" has no name, or a NUL byte"));
    SetEnv(env, entry);
  }
  return env;
}

Result<std::string> BuildCwd(const ContainerSpec& spec, const image::ImageConfig& image) {
  const bool asked = !spec.working_dir.empty();
  const std::string& cwd = asked ? spec.working_dir : image.working_dir;
  if (cwd.empty()) return std::string("/");
  if (cwd.starts_with('/') && !HasNul(cwd)) return cwd;
  return InvalidArgument(Cat(asked ? "working_dir \"" : "the image's WorkingDir \"", cwd.substr(0, 256),
                             "\" is no absolute path"));
}

// A name, or a number that is in range.
Result<std::string> CheckImageId(std::string_view user, std::string_view part) {
  if (std::any_of(part.begin(), part.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }) || part.size() > 256)
    return InvalidArgument("the image's USER is malformed");
  const size_t sign = part.starts_with('-') || part.starts_with('+') ? 1 : 0;
  const std::string_view digits = part.substr(sign);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::string(part);
  int64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc() || part.front() == '-' || id > kMaxImageId)
    return InvalidArgument(Cat("the image's USER \"", user.substr(0, 64), "\" is out of range"));
  return std::to_string(id);
}

// "uid", "name", "uid:gid", "name:group" and their mixtures.
Result<UserPlan> ParseImageUser(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view group = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (group.find(':') != std::string_view::npos)
    return InvalidArgument(Cat("the image's USER \"", text.substr(0, 64), "\" is malformed"));
  UserPlan plan;
  plan.user = TRY(CheckImageId(text, text.substr(0, colon)));
  plan.group = TRY(CheckImageId(text, group));
  return plan;
}

Result<UserPlan> BuildUser(const SecuritySpec& security, const image::ImageConfig& image) {
  UserPlan plan;
  if (!security.run_as_username.empty()) plan.user = security.run_as_username;
  else if (security.run_as_user) plan.user = std::to_string(*security.run_as_user);
  else if (security.run_as_group)
    return InvalidArgument(Cat("run_as_group ", std::to_string(*security.run_as_group),
                               " needs run_as_user or run_as_username"));
  else plan = TRY(ParseImageUser(image.user));
  if (security.run_as_group) plan.group = std::to_string(*security.run_as_group);
  if (HasNul(plan.user)) return InvalidArgument("run_as_username holds a NUL byte");
  plan.supplemental_groups = security.supplemental_groups;
  plan.strict_groups = security.strict_groups;
  return plan;
}

Result<std::string> BuildSeccomp(const SecuritySpec& security, uint64_t caps, SeccompCache& seccomp) {
  using Type = SeccompSpec::Type;
  if (security.privileged || security.seccomp.type == Type::kUnconfined) return std::string();
  if (security.seccomp.type == Type::kRuntimeDefault) return seccomp.RuntimeDefault(caps);
  return seccomp.Localhost(security.seccomp.localhost_path, caps);
}

Result<std::string> BuildAppArmor(const SecuritySpec& security, const NodeFacts& node) {
  using Type = AppArmorSpec::Type;
  const AppArmorSpec& asked = security.apparmor;
  if (security.privileged || asked.type == Type::kUnconfined) return std::string();
  if (asked.type == Type::kRuntimeDefault) return std::string(node.apparmor_default ? kAppArmorDefault : "");
  if (!node.apparmor)
    return FailedPrecondition(Cat("apparmor profile \"", asked.profile, "\": the kernel has no AppArmor"));
  return asked.profile;
}

// Always set: the shim's own score must not be what a container inherits. Without CAP_SYS_RESOURCE the kernel refuses
// less than the daemon's own.
Result<int> BuildOomScore(const ContainerSpec& spec, const NodeFacts& node) {
  if (spec.oom_score_adj < -1000 || spec.oom_score_adj > 1000)
    return InvalidArgument(Cat("oom_score_adj ", std::to_string(spec.oom_score_adj), " is not in -1000 to 1000"));
  const int wanted = static_cast<int>(spec.oom_score_adj);
  const bool may_lower = (node.bounding_caps >> CAP_SYS_RESOURCE & 1) != 0;
  return may_lower ? wanted : std::max(wanted, node.oom_score_adj);
}

}  // namespace

Result<ProcessPlan> BuildProcess(const ContainerRecord& record, const PodContext& pod, const NodeFacts& node,
                                 SeccompCache& seccomp) {
  const ContainerSpec& spec = record.spec;
  const image::ImageConfig& image = record.image.config;
  ProcessPlan plan;
  plan.args = TRY(BuildArgs(spec, image));
  plan.env = TRY(BuildEnv(spec, image, pod, node.defaults));
  plan.cwd = TRY(BuildCwd(spec, image));
  plan.terminal = spec.tty;
  plan.user = TRY(BuildUser(spec.security, image));
  const Capabilities caps = TRY(BuildCapabilities(spec.security, node.bounding_caps));
  plan.caps_bounding = plan.caps_permitted = plan.caps_effective = caps.granted;
  // The kernel lets a capability be ambient only when it is inheritable too (capabilities(7)); nothing else is.
  plan.caps_ambient = plan.caps_inheritable = caps.ambient;
  plan.no_new_privs = spec.security.no_new_privs;
  plan.seccomp_bpf = TRY(BuildSeccomp(spec.security, caps.granted, seccomp));
  plan.apparmor_profile = TRY(BuildAppArmor(spec.security, node));
  plan.selinux_label =
      BuildSelinuxLabels(node.selinux, spec.security.selinux, pod.selinux, spec.security.privileged).process;
  plan.rlimits = node.defaults.rlimits;
  plan.oom_score_adj = TRY(BuildOomScore(spec, node));
  return plan;
}

}  // namespace cradle::container
