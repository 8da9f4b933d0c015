#include "cgroups/unified.h"

#include <fcntl.h>
#include <poll.h>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr const char* kMark = "trusted.cradle.parent";

}  // namespace

Result<> KillV2(const Tree& tree, const std::string& path) {
  auto killed = tree.Write(path, "cgroup.kill", "1");
  return killed.ok() || Gone(killed.error()) ? Result<>() : killed;
}

Result<> WaitEmptyV2(const Tree& tree, const std::string& path, Deadline deadline) {
  auto group = tree.OpenGroup(path);
  if (!group.ok()) return Gone(group.error()) ? Result<>() : std::move(group.error());
  auto events = sys::OpenAt(*group, "cgroup.events", O_RDONLY);
  if (!events.ok()) return Gone(events.error()) ? Result<>() : std::move(events.error());
  for (;;) {
    // POLLPRI comes for what changes after this read, so nothing is missed between the two.
    char text[256];
    auto size = sys::Pread(*events, text, sizeof text, 0);
    if (!size.ok()) return Gone(size.error()) ? Result<>() : std::move(size.error());
    if (KeyedValue(std::string_view(text, *size), "populated") == 0) return {};
    pollfd waited{events->get(), POLLPRI, 0};
    if (!TRY(sys::Poll({&waited, 1}, deadline)))
      return Error(
          Code::kDeadlineExceeded,
          Cat("cgroup ", path, " is not empty after SIGKILL: ", DescribeProcesses(tree, path)));
  }
}

void MarkParents(const Tree& tree, const Made& made, const std::string& leaf) {
  for (const auto& [in, path] : made) {
    if (in != &tree || path == leaf) continue;
    auto dir = sys::OpenAt(kCwd, tree.Dir(path), O_RDONLY | O_DIRECTORY);
    if (dir.ok()) (void)sys::SetXattr(*dir, kMark, "1").ok();  // unmarked, it only stays
  }
}

void RemoveMarkedParents(const Tree& tree, const std::string& path) {
  for (size_t end = path.rfind('/'); end != 0 && end != path.npos; end = path.rfind('/', end - 1)) {
    std::string parent = path.substr(0, end);
    auto dir = sys::OpenAt(kCwd, tree.Dir(parent), O_RDONLY | O_DIRECTORY);
    if (!dir.ok() || !sys::GetXattr(*dir, kMark).ok()) return;
    if (!tree.RemoveEmpty(parent).ok()) return;  // EBUSY: in use
  }
}

}  // namespace cradle::cgroups
