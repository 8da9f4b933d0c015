// What tools that know OCI runtimes want to see: from the same plan that made the container.
#include "container/runtime_spec.h"

#include "container/capabilities.h"
#include "sandbox/files.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

// The plan's filter isn't wanted here, but its profile.
class NoSeccomp final : public container::SeccompCache {
 public:
  Result<std::string> RuntimeDefault(uint64_t) override { return std::string(); }
  Result<std::string> Localhost(const std::string&, uint64_t) override { return std::string(); }
};

std::optional<container::SeccompProfile> ProfileOf(const container::SecuritySpec& security, uint64_t caps) {
  using Type = container::SeccompSpec::Type;
  if (security.privileged || security.seccomp.type == Type::kUnconfined) return std::nullopt;
  if (security.seccomp.type == Type::kRuntimeDefault) return container::DefaultSeccompProfile(caps);
  auto text = container::ReadSeccompProfile(security.seccomp.localhost_path);
  if (!text.ok()) return std::nullopt;
  auto profile = container::ParseSeccompProfile(*text, caps);
  return profile.ok() ? std::optional(std::move(*profile)) : std::nullopt;
}

container::PodFacts FactsOf(const PodView& pod) {
  const PodSpec& spec = pod.record.spec;
  container::PodFacts facts;
  facts.id = pod.record.id.str();
  facts.name = spec.name;
  facts.name_space = spec.name_space;
  facts.uid = spec.uid;
  facts.log_directory = spec.log_directory;
  if (auto hostname = EffectiveHostname(spec); hostname.ok()) facts.hostname = *hostname;
  facts.cgroup = Cat(pod.record.cgroup_parent, "/", facts.id);
  facts.sysctls = spec.sysctls;
  facts.new_namespaces = NewNamespaces(spec);
  facts.pause_pid = pod.pause_pid;
  return facts;
}

}  // namespace

Result<std::string> Node::RuntimeSpec(const ContainerView& one) const {
  const container::ContainerRecord& record = *one.record;
  PodRef pod = store_.PodById(record.pod);
  if (!pod) return NotFound(Cat("no pod \"", record.pod.str(), "\""));
  container::Places places{paths_.upper(record.id), paths_.work(record.id), groups_.Locate(record.cgroup)};
  NoSeccomp none;
  container::NodeFacts node = TRY(FactsFor(record.spec));
  container::LaunchPlan plan = TRY(container::BuildLaunchPlan(record, ContextOf(*pod), node, places, none));
  container::ContainerFacts facts;
  facts.user = one.user;
  facts.limits = one.limits;
  facts.limits.devices = container::BuildDeviceRules(record.spec);
  facts.seccomp = ProfileOf(record.spec.security, plan.process.caps_bounding);
  return container::FormatRuntimeSpec(record, plan, facts, FactsOf(*pod->view()));
}

std::string Node::PodRuntimeSpec(const PodView& pod) const { return container::FormatPodRuntimeSpec(FactsOf(pod)); }

}  // namespace cradle::sandbox
