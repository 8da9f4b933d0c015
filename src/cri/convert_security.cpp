#include <cctype>

#include "cri/check.h"
#include "cri/convert_container.h"
#include "cri/convert_users.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using container::AppArmorSpec;
using container::PidMode;
using container::SeccompSpec;
using container::SecuritySpec;
using Context = pb::LinuxContainerSecurityContext;
using Strings = google::protobuf::RepeatedPtrField<std::string>;

constexpr std::string_view kLocalhost = "localhost/";
constexpr size_t kMaxAppArmorName = 2048;
constexpr size_t kMaxSelinuxPart = 256;

// Clients older than the profiles as messages fill these.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
const std::string& OldSeccomp(const Context& context) { return context.seccomp_profile_path(); }
const std::string& OldAppArmor(const Context& context) { return context.apparmor_profile(); }
#pragma GCC diagnostic pop

std::string Field(std::string_view name) { return Cat("linux.security_context.", name); }

Result<> ConvertUser(const Context& context, const Users& users, SecuritySpec& spec) {
  const container::IdRange* uids = users ? &users->uids : nullptr;
  const container::IdRange* gids = users ? &users->gids : nullptr;
  if (context.has_run_as_user()) {
    spec.run_as_user = TRY(CheckId(Field("run_as_user"), context.run_as_user().value()));
    TRYV(CheckMapped(Field("run_as_user"), *spec.run_as_user, uids));
    if (!context.run_as_username().empty()) {
      return Bad(Field("run_as_username"), context.run_as_username(),
                 "excludes run_as_user, which is set too");
    }
  }
  TRYV(CheckLine(Field("run_as_username"), context.run_as_username()));
  spec.run_as_username = context.run_as_username();
  if (context.has_run_as_group()) {
    spec.run_as_group = TRY(CheckId(Field("run_as_group"), context.run_as_group().value()));
    TRYV(CheckMapped(Field("run_as_group"), *spec.run_as_group, gids));
    if (!context.has_run_as_user() && context.run_as_username().empty()) {
      return Bad(Field("run_as_group"), context.run_as_group().value(),
                 "needs run_as_user or run_as_username");
    }
  }
  for (int i = 0; i < context.supplemental_groups_size(); ++i) {
    std::string field = Indexed(Field("supplemental_groups"), i);
    spec.supplemental_groups.push_back(TRY(CheckId(field, context.supplemental_groups(i))));
    TRYV(CheckMapped(field, context.supplemental_groups(i), gids));
  }
  if (!pb::SupplementalGroupsPolicy_IsValid(context.supplemental_groups_policy())) {
    return Bad(Field("supplemental_groups_policy"),
               static_cast<int64_t>(context.supplemental_groups_policy()), "no such policy");
  }
  spec.strict_groups = context.supplemental_groups_policy() == pb::Strict;
  return {};
}

// "cap_net_admin", "NET_ADMIN" -> "NET_ADMIN". Whether there is such a one is for the plan to say.
Result<std::vector<std::string>> ConvertCapabilities(const std::string& field,
                                                     const Strings& names) {
  std::vector<std::string> out;
  for (int i = 0; i < names.size(); ++i) {
    std::string name;
    for (unsigned char c : names[i]) {
      if (!std::isalnum(c) && c != '_') return Bad(Indexed(field, i), names[i], "no capability");
      name.push_back(static_cast<char>(std::toupper(c)));
    }
    if (name.starts_with("CAP_")) name.erase(0, 4);
    if (name.empty()) return Bad(Indexed(field, i), names[i], "no capability");
    out.push_back(std::move(name));
  }
  return out;
}

Result<std::vector<std::string>> ConvertPaths(const std::string& field, const Strings& paths) {
  for (int i = 0; i < paths.size(); ++i) TRYV(CheckAbsolutePath(Indexed(field, i), paths[i]));
  return std::vector<std::string>(paths.begin(), paths.end());
}

Result<SeccompSpec> LocalhostSeccomp(const std::string& field, const std::string& path) {
  TRYV(CheckAbsolutePath(field, path));
  return SeccompSpec{SeccompSpec::Type::kLocalhost, path};
}

// What it was before there were profiles as messages: "", "unconfined", "runtime/default",
// "localhost/PATH".
Result<SeccompSpec> SeccompFromPath(const std::string& path) {
  if (path.empty() || path == "unconfined") return SeccompSpec{};
  if (path == "runtime/default" || path == "docker/default") {
    return SeccompSpec{SeccompSpec::Type::kRuntimeDefault, ""};
  }
  std::string field = Field("seccomp_profile_path");
  if (!path.starts_with(kLocalhost)) {
    return Bad(field, path, "must be unconfined, runtime/default or localhost/PATH");
  }
  return LocalhostSeccomp(field, path.substr(kLocalhost.size()));
}

Result<SeccompSpec> ConvertSeccomp(const Context& context) {
  if (context.privileged()) return SeccompSpec{};
  if (!context.has_seccomp()) return SeccompFromPath(OldSeccomp(context));
  switch (context.seccomp().profile_type()) {
    case pb::SecurityProfile::RuntimeDefault:
      return SeccompSpec{SeccompSpec::Type::kRuntimeDefault, ""};
    case pb::SecurityProfile::Unconfined:
      return SeccompSpec{};
    case pb::SecurityProfile::Localhost:
      return LocalhostSeccomp(Field("seccomp.localhost_ref"), context.seccomp().localhost_ref());
    default:
      return Bad(Field("seccomp.profile_type"),
                 static_cast<int64_t>(context.seccomp().profile_type()), "no such type");
  }
}

// The kernel is told "exec NAME" in a page at most, and takes the name up to the first white space.
Result<AppArmorSpec> LocalhostAppArmor(const std::string& field, const std::string& ref) {
  TRYV(CheckWord(field, ref));
  std::string name = ref.substr(ref.starts_with(kLocalhost) ? kLocalhost.size() : 0);
  if (name.empty()) return Bad(field, ref, "must name a profile");
  if (name.size() > kMaxAppArmorName) return Bad(field, ref, "the profile's name is too long");
  return AppArmorSpec{AppArmorSpec::Type::kLocalhost, std::move(name)};
}

Result<AppArmorSpec> AppArmorFromText(const std::string& text) {
  if (text.empty() || text == "runtime/default") return AppArmorSpec{};
  if (text == "unconfined") return AppArmorSpec{AppArmorSpec::Type::kUnconfined, ""};
  std::string field = Field("apparmor_profile");
  if (!text.starts_with(kLocalhost)) {
    return Bad(field, text, "must be unconfined, runtime/default or localhost/NAME");
  }
  return LocalhostAppArmor(field, text);
}

Result<AppArmorSpec> ConvertAppArmor(const Context& context) {
  if (context.privileged()) return AppArmorSpec{AppArmorSpec::Type::kUnconfined, ""};
  if (!context.has_apparmor()) return AppArmorFromText(OldAppArmor(context));
  switch (context.apparmor().profile_type()) {
    case pb::SecurityProfile::RuntimeDefault:
      return AppArmorSpec{};
    case pb::SecurityProfile::Unconfined:
      return AppArmorSpec{AppArmorSpec::Type::kUnconfined, ""};
    case pb::SecurityProfile::Localhost:
      return LocalhostAppArmor(Field("apparmor.localhost_ref"), context.apparmor().localhost_ref());
    default:
      return Bad(Field("apparmor.profile_type"),
                 static_cast<int64_t>(context.apparmor().profile_type()), "no such type");
  }
}

Result<> ConvertPid(const pb::NamespaceOption& options, const sandbox::PodSpec& pod,
                    SecuritySpec& spec) {
  switch (options.pid()) {
    case pb::POD:
      spec.pid_mode = pod.pid_mode;
      return {};
    case pb::CONTAINER:
      spec.pid_mode = PidMode::kContainer;
      return {};
    case pb::NODE:
      spec.pid_mode = PidMode::kNode;
      return {};
    case pb::TARGET:
      if (options.target_id().empty()) {
        return Bad(Field("namespace_options.target_id"), "", "must name a container");
      }
      spec.pid_mode = PidMode::kTarget;
      spec.pid_target = options.target_id();
      return {};
    default:
      return Bad(Field("namespace_options.pid"), static_cast<int64_t>(options.pid()),
                 "no such namespace mode");
  }
}

Result<> ConvertNamespaces(const pb::NamespaceOption& options, const sandbox::PodSpec& pod,
                           SecuritySpec& spec) {
  spec.host_network = pod.host_network;
  spec.host_ipc = pod.host_ipc;
  if (options.has_userns_options()) {
    std::string field = Field("namespace_options.userns_options");
    if (TRY(UsersFrom(field, options.userns_options())) != pod.users)
      return Bad(field + ".mode", pb::NamespaceMode_Name(options.userns_options().mode()),
                 "is not the pod's user namespace");
  }
  TRYV(ConvertPid(options, pod, spec));
  if (pod.users && spec.pid_mode == PidMode::kNode)
    return Bad(Field("namespace_options.pid"), "NODE", "can't be had with a user namespace");
  return {};
}

// A colon ends a part; the last one has colons of its own. Whether there is such a label is for the
// policy to say.
Result<> CheckSelinuxPart(std::string_view name, std::string_view value, std::string_view also) {
  std::string field = Field(Cat("selinux_options.", name));
  if (value.size() > kMaxSelinuxPart) return Bad(field, value, "is too long");
  for (unsigned char c : value) {
    bool allowed = std::isalnum(c) || c == '.' || c == '_' || c == '-' ||
                   also.find(static_cast<char>(c)) != also.npos;
    if (!allowed) return Bad(field, value, "is no part of an SELinux label");
  }
  return {};
}

}  // namespace

Result<container::SelinuxOptions> SelinuxOptionsFrom(const pb::SELinuxOption& options) {
  TRYV(CheckSelinuxPart("user", options.user(), ""));
  TRYV(CheckSelinuxPart("role", options.role(), ""));
  TRYV(CheckSelinuxPart("type", options.type(), ""));
  TRYV(CheckSelinuxPart("level", options.level(), ":,"));
  return container::SelinuxOptions{options.user(), options.role(), options.type(), options.level()};
}

Result<SecuritySpec> SecuritySpecFrom(const Context& context, const sandbox::PodSpec& pod) {
  SecuritySpec spec;
  if (context.privileged() && !pod.privileged) {
    return Bad(Field("privileged"), "true",
               "no privileged container allowed in sandbox: the pod isn't privileged");
  }
  spec.privileged = context.privileged();
  TRYV(ConvertUser(context, pod.users, spec));
  TRYV(ConvertNamespaces(context.namespace_options(), pod, spec));
  spec.readonly_rootfs = context.readonly_rootfs();
  spec.no_new_privs = context.no_new_privs();
  const pb::Capability& caps = context.capabilities();
  spec.caps_add =
      TRY(ConvertCapabilities(Field("capabilities.add_capabilities"), caps.add_capabilities()));
  spec.caps_drop =
      TRY(ConvertCapabilities(Field("capabilities.drop_capabilities"), caps.drop_capabilities()));
  spec.caps_ambient = TRY(ConvertCapabilities(Field("capabilities.add_ambient_capabilities"),
                                              caps.add_ambient_capabilities()));
  spec.masked_paths = TRY(ConvertPaths(Field("masked_paths"), context.masked_paths()));
  spec.readonly_paths = TRY(ConvertPaths(Field("readonly_paths"), context.readonly_paths()));
  spec.seccomp = TRY(ConvertSeccomp(context));
  spec.apparmor = TRY(ConvertAppArmor(context));
  spec.selinux = TRY(SelinuxOptionsFrom(context.selinux_options()));
  return spec;
}

}  // namespace cradle::cri
