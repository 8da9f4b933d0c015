#include <fcntl.h>

#include <charconv>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "container/apparmor.h"
#include "container/build_plan.h"

namespace cradle::container {

Result<NodeFacts> CollectNodeFacts() {
  NodeFacts facts;
  facts.bounding_caps = sys::CapabilityBoundingSet();
  const std::string text = TRY(sys::ReadFile(kCwd, "/proc/self/oom_score_adj", 64));
  std::from_chars(text.data(), text.data() + text.size(), facts.oom_score_adj);
  facts.selinux = DetectSelinux();
  facts.apparmor = KernelHasAppArmor();
  facts.apparmor_default = facts.apparmor && !AppArmorParser().empty();
  return facts;
}

}  // namespace cradle::container
