#include "cgroups/v1.h"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "cgroups/unified.h"
#include "cgroups/v1_cpuset.h"
#include "cgroups/v1_devices.h"
#include "cgroups/v1_unified.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr const char* kMemorySwap = "memory.memsw.limit_in_bytes";

// An errno of a control file, as the caller of an RPC should understand it.
Error Explain(Error error, const V1Write& write) {
  Code code = error.code();
  std::string_view hint;
  switch (error.err()) {
    case EBUSY:
      code = Code::kFailedPrecondition;
      hint = write.file == "memory.limit_in_bytes" || write.file == kMemorySwap
                 ? "below what the group uses and can't give back"
                 : "in use";
      break;
    case EINVAL:
    case ERANGE:
      code = Code::kFailedPrecondition;
      if (write.file == "memory.limit_in_bytes") hint = "above the group's memory and swap limit";
      if (write.file == kMemorySwap) hint = "below the group's memory limit";
      if (write.file.starts_with("cpu.cfs")) hint = "more than a group above it allows";
      break;
    case EACCES:
    case EPERM:
      code = Code::kFailedPrecondition;
      if (write.file.starts_with("cpuset.")) hint = "not among those of the group above it";
      break;
    default:
      break;
  }
  if (write.field.starts_with("unified")) {
    code = Code::kInvalidArgument;
    hint = error.err() == ENOENT   ? "this node has no such control"
           : error.err() == ENODEV ? "the node has no such device"
                                   : "the kernel doesn't take it";
  }
  std::string field = hint.empty() ? write.field : Cat(write.field, ": ", hint);
  return std::move(error).As(code).With(field);
}

// What `unified` says comes last, so it holds.
Result<std::vector<V1Write>> PlanWrites(const Limits& limits, const V1Current& current) {
  std::vector<V1Write> writes = PlanV1Writes(limits, current);
  std::vector<V1Write> unified = TRY(PlanV1Unified(limits.unified));
  std::ranges::move(unified, std::back_inserter(writes));
  return writes;
}

}  // namespace

Result<std::unique_ptr<Cgroups>> CgroupsV1::Open(const Layout& layout) {
  std::unique_ptr<CgroupsV1> out(new CgroupsV1);
  for (const V1Mount& mount : layout.v1)
    out->v1_.push_back({TRY(Tree::Open(mount.dir)), mount.controllers});
  if (!layout.v2.empty()) out->v2_ = std::make_unique<Tree>(TRY(Tree::Open(layout.v2)));
  for (const char* controller : {"cpu", "memory", "devices"})
    if (!out->Find(controller))
      return FailedPrecondition(Cat("cgroup v1 controller ", controller, " is not mounted"));
  return std::unique_ptr<Cgroups>(std::move(out));
}

const Tree* CgroupsV1::Find(std::string_view controller) const {
  for (const Hierarchy& one : v1_)
    if (std::ranges::find(one.controllers, controller) != one.controllers.end()) return &one.tree;
  return nullptr;
}

std::string CgroupsV1::Describe() const {
  std::string out = v2_ ? "v1 (hybrid)" : "v1";
  if (!Find("memory")->HasFile("/", kMemorySwap)) out += ", no swap accounting";
  if (!Find("hugetlb")) out += ", no hugetlb";
  return out;
}

Placement CgroupsV1::Locate(const std::string& path) const {
  Placement place;
  for (const Hierarchy& one : v1_) place.join_dirs.push_back(one.tree.Dir(path));
  if (v2_) place.v2_dir = v2_->Dir(path);
  for (const Hierarchy& one : v1_)
    for (const std::string& controller : one.controllers) place.figures.emplace_back(controller, one.tree.Dir(path));
  if (v2_) place.figures.emplace_back("unified", place.v2_dir);
  place.oom_file = Find("memory")->Dir(path) + "/memory.oom_control";
  place.oom_below = true;
  return place;
}

Result<Placement> CgroupsV1::Create(const std::string& path, const Limits& limits) {
  TRYV(CheckPath(path));
  TRYV(CheckSupported(limits));
  TRYV(CheckTogether(limits));
  Made made;
  auto done = Populate(path, limits, made);
  if (done.ok()) return Locate(path);
  for (auto one = made.rbegin(); one != made.rend(); ++one)
    (void)one->first->RemoveEmpty(one->second).ok();
  return std::move(done.error()).With(Cat("create cgroup ", path));
}

Result<> CgroupsV1::Populate(const std::string& path, const Limits& limits, Made& made) const {
  for (const Hierarchy& one : v1_) TRYV(one.tree.Make(path, made));
  if (v2_) {
    TRYV(v2_->Make(path, made));
    MarkParents(*v2_, made, path);
  }
  if (const Tree* cpuset = Find("cpuset")) TRYV(InheritCpuset(*cpuset, path));
  std::vector<V1Write> writes = TRY(PlanWrites(limits, {}));
  for (const V1Write& write : writes) TRYV(Apply(path, write));
  if (limits.devices)
    TRYV(WriteDevices(*Find("devices"), path, PlanV1Devices(*limits.devices)));
  return {};
}

// Before the first write: what this node can't do at all.
Result<> CgroupsV1::CheckSupported(const Limits& limits) const {
  std::vector<V1Write> writes = TRY(PlanWrites(limits, {}));
  for (const V1Write& write : writes)
    if (!write.optional && !Find(write.controller))
      return FailedPrecondition(
          Cat(write.field, ": this node has no cgroup controller ", write.controller));
  return {};
}

Result<> CgroupsV1::Apply(const std::string& path, const V1Write& write) const {
  const Tree* tree = Find(write.controller);
  if (!tree) return {};  // optional: CheckSupported has seen it
  auto done = tree->Write(path, write.file, write.value);
  if (done.ok()) return {};
  if (write.optional && done.error().err() == ENOENT && tree->Exists(path)) return {};
  return Explain(std::move(done.error()), write);
}

V1Current CgroupsV1::ReadCurrent(const std::string& path) const {
  V1Current current;
  auto number = [&](const char* controller, const char* file) {
    auto text = Find(controller)->Read(path, file);
    return text.ok() ? ParseNumber(*text) : std::nullopt;
  };
  if (auto period = number("cpu", "cpu.cfs_period_us"))
    current.cpu_period = static_cast<int64_t>(*period);
  if (auto swap = number("memory", kMemorySwap)) current.memory_swap = static_cast<int64_t>(*swap);
  return current;
}

Result<Undo> CgroupsV1::Update(const std::string& path, const Limits& limits) {
  TRYV(CheckPath(path));
  std::string context = Cat("update cgroup ", path);
  if (!Exists(path)) return NotFound(Cat(context, ": there is no such group"));
  TRYV(CheckSupported(limits));
  Undo undo;
  std::vector<V1Write> writes = TRY(PlanWrites(limits, ReadCurrent(path)).With(context));
  for (const V1Write& write : writes) {
    const Tree* tree = Find(write.controller);
    auto before = tree ? tree->Read(path, write.file) : Result<std::string>(NotFound(""));
    TRYV(Apply(path, write).With(context));
    if (!before.ok()) continue;  // optional, and not here
    undo.Add(write.file, [this, path, write, text = *before]() -> Result<> {
      V1Write back = write;
      back.value = PlanV1Restore(write.file, write.value, text);
      return Apply(path, back);
    });
  }
  if (limits.devices) {
    const Tree& devices = *Find("devices");
    auto before = TRY(ReadDevices(devices, path).With(context));
    undo.Add("devices", [&devices, path, before] { return WriteDevices(devices, path, before); });
    TRYV(WriteDevices(devices, path, PlanV1Devices(*limits.devices)).With(context));
  }
  return undo;
}

Result<std::string> CgroupsV1::CreateExec(const std::string& path, const std::string& name) {
  if (!v2_) return std::string();
  std::string group = Cat(path, "/", name);
  TRYV(CheckPath(group));
  if (!v2_->Exists(path)) return NotFound(Cat("create cgroup ", group, ": there is no ", path));
  Made made;
  TRYV(v2_->Make(group, made).With(Cat("create cgroup ", group)));
  return v2_->Dir(group);
}

Result<> CgroupsV1::Kill(const std::string& path) {
  TRYV(CheckPath(path));
  auto killed = v2_ ? KillV2(*v2_, path) : KillWithoutV2(path);
  return std::move(killed).With(Cat("kill cgroup ", path));
}

// Frozen, nobody can fork away between two looks at the list. A v1-frozen task dies of SIGKILL only
// once it is thawed.
Result<> CgroupsV1::KillWithoutV2(const std::string& path) const {
  const Tree* freezer = Find("freezer");
  if (freezer) (void)freezer->Write(path, "freezer.state", "FROZEN").ok();
  Result<> result;
  for (const Hierarchy& one : v1_)
    if (auto killed = KillListed(one.tree, path); !killed.ok()) result = std::move(killed);
  if (freezer) (void)freezer->Write(path, "freezer.state", "THAWED").ok();
  return result;
}

Result<> CgroupsV1::Destroy(const std::string& path, Deadline deadline) {
  TRYV(CheckPath(path));
  std::string context = Cat("destroy cgroup ", path);
  TRYV(Kill(path).With(context));
  if (v2_) TRYV(WaitEmptyV2(*v2_, path, deadline).With(context));
  for (const Hierarchy& one : v1_) TRYV(RemoveV1(one.tree, path, deadline).With(context));
  if (!v2_) return {};
  TRYV(v2_->Remove(path, deadline).With(context));
  RemoveMarkedParents(*v2_, path);
  return {};
}

// With a v2 tree the processes are gone by now and the first attempt succeeds, unless somebody was
// moved into this hierarchy alone. Without one it takes until the killed have exited, and v1 tells
// nobody when (its release agent is one program for the whole host): look again, ever more slowly.
Result<> CgroupsV1::RemoveV1(const Tree& tree, const std::string& path, Deadline deadline) const {
  for (milliseconds pause{1};; pause = std::min(pause * 2, milliseconds(50))) {
    auto removed = tree.Remove(path, deadline);
    if (removed.ok() || removed.error().err() != EBUSY) return removed;
    if (MillisLeft(deadline) == 0)
      return Error(Code::kDeadlineExceeded,
                   Cat(removed.error().text(), ": ", DescribeProcesses(tree, path)));
    TRYV(KillWithoutV2(path));
    TRY(sys::Poll({}, std::min(deadline, After(pause))));
  }
}

bool CgroupsV1::Exists(const std::string& path) const {
  return (v2_ && v2_->Exists(path)) ||
         std::ranges::any_of(v1_, [&](const Hierarchy& one) { return one.tree.Exists(path); });
}

std::vector<std::string> CgroupsV1::Children(const std::string& path) const {
  std::set<std::string> names;
  auto add = [&](const Tree& tree) {
    for (std::string& name : tree.Children(path)) names.insert(std::move(name));
  };
  for (const Hierarchy& one : v1_) add(one.tree);
  if (v2_) add(*v2_);
  return {names.begin(), names.end()};
}

}  // namespace cradle::cgroups
