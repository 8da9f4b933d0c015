#include "cgroups/v2.h"

#include <fcntl.h>

#include <algorithm>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "cgroups/unified.h"
#include "cgroups/v2_devices.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

constexpr std::string_view kControllers[] = {"cpuset", "cpu", "io", "memory", "hugetlb", "pids"};
constexpr int kEnableAttempts = 10;  // EBUSY may pass: a process that is just leaving

bool Holds(std::string_view list, std::string_view word) {
  auto words = Split(Trim(list), ' ');
  return std::ranges::find(words, word) != words.end();
}

// An errno of a control file, as the caller of an RPC should understand it.
Error Explain(Error error, const V2Write& write) {
  Code code = error.code();
  std::string_view hint;
  switch (error.err()) {
    case ENOENT:
    case EACCES:
    case EPERM:
      code = Code::kInvalidArgument;
      hint = "this node has no such control";
      break;
    case ENODEV:
      code = Code::kInvalidArgument;
      hint = "the node has no such device";
      break;
    case EINVAL:
    case ERANGE:
      code = Code::kInvalidArgument;
      hint = write.file.starts_with("cpuset.") ? "not on this node" : "the kernel doesn't take it";
      break;
    default:
      break;
  }
  std::string field = hint.empty() ? write.field : Cat(write.field, ": ", hint);
  return std::move(error).As(code).With(field);
}

}  // namespace

Result<Tree> CgroupsV2::OpenTree(const std::string& dir) {
  Tree tree = TRY(Tree::Open(dir));
  std::string there = TRY(tree.Read("/", "cgroup.controllers"));
  for (const char* controller : {"cpu", "memory"})
    if (!Holds(there, controller))
      return FailedPrecondition(Cat("cgroup v2 controller ", controller, " is missing, there are: ",
                                    Trim(there)));
  return tree;
}

Result<std::unique_ptr<Cgroups>> CgroupsV2::Open(const std::string& dir) {
  Tree tree = TRY(OpenTree(dir));  // not within the new: what that has allocated would leak
  return std::unique_ptr<Cgroups>(new CgroupsV2(std::move(tree)));
}

std::string CgroupsV2::Describe() const {
  auto there = tree_.Read("/", "cgroup.controllers");
  bool hugetlb = there.ok() && Holds(*there, "hugetlb");
  return hugetlb ? "v2" : "v2, no hugetlb";
}

Placement CgroupsV2::Locate(const std::string& path) const {
  Placement place;
  place.v2_dir = tree_.Dir(path);
  place.oom_file = place.v2_dir + "/memory.events";
  place.figures = {{"unified", place.v2_dir}};
  return place;
}

Result<Placement> CgroupsV2::Create(const std::string& path, const Limits& limits) {
  TRYV(CheckPath(path));
  TRYV(CheckTogether(limits));
  Made made;
  auto done = Populate(path, limits, made);
  if (done.ok()) return Locate(path);
  for (auto one = made.rbegin(); one != made.rend(); ++one)
    (void)one->first->RemoveEmpty(one->second).ok();
  return std::move(done.error()).With(Cat("create cgroup ", path));
}

Result<> CgroupsV2::Populate(const std::string& path, const Limits& limits, Made& made) const {
  TRYV(tree_.Make(path, made));
  TRYV(EnableControllers(path));
  for (const V2Write& write : PlanV2Writes(limits, {})) TRYV(Apply(path, write));
  if (limits.devices) TRYV(AttachDevices(tree_, path, *limits.devices));
  return {};
}

Result<> CgroupsV2::EnableControllers(const std::string& path) const {
  TRYV(EnableBelow("/"));
  for (size_t end = path.find('/', 1); end != path.npos; end = path.find('/', end + 1))
    TRYV(EnableBelow(path.substr(0, end)));
  return {};
}

Result<> CgroupsV2::EnableBelow(const std::string& path) const {
  std::string there = TRY(tree_.Read(path, "cgroup.controllers"));
  std::string enabled = TRY(tree_.Read(path, "cgroup.subtree_control"));
  std::string missing;
  for (std::string_view controller : kControllers)
    if (Holds(there, controller) && !Holds(enabled, controller))
      missing += Cat(missing.empty() ? "+" : " +", controller);
  if (missing.empty()) return {};
  for (int attempt = 1;; ++attempt) {
    auto done = tree_.Write(path, "cgroup.subtree_control", missing);
    if (done.ok() || done.error().err() != EBUSY) return done;
    if (attempt == kEnableAttempts)
      return std::move(done.error()).With(Cat(DescribeProcesses(tree_, path), " in an inner group"));
    TRY(sys::Poll({}, After(milliseconds(attempt))));
  }
}

Result<> CgroupsV2::Apply(const std::string& path, const V2Write& write) const {
  auto done = tree_.Write(path, write.file, write.value);
  if (done.ok()) return {};
  if (done.error().err() == ENOENT) {
    if (!tree_.Exists(path)) return done;
    if (write.optional) return {};
  }
  return Explain(std::move(done.error()), write);
}

V2Current CgroupsV2::ReadCurrent(const std::string& path) const {
  auto text = [&](const char* file) {
    auto read = tree_.Read(path, file);
    return read.ok() ? std::move(*read) : std::string();
  };
  return ParseV2Current(text("cpu.max"), text("memory.max"));
}

Result<> CgroupsV2::MakeRoom(const std::string& path, uint64_t bytes) const {
  auto used = [&]() -> Result<uint64_t> {
    return ParseNumber(TRY(tree_.Read(path, "memory.current"))).value_or(0);
  };
  uint64_t before = TRY(used());
  if (before <= bytes) return {};
  // EAGAIN says that it wasn't that much; a kernel before 5.19 has no such file.
  (void)tree_.Write(path, "memory.reclaim", std::to_string(before - bytes)).ok();
  uint64_t after = TRY(used());
  if (after <= bytes) return {};
  return FailedPrecondition(Cat("memory_limit_in_bytes ", std::to_string(bytes),
                                ": below what the group uses and can't give back, ",
                                std::to_string(after)));
}

Result<Undo> CgroupsV2::Update(const std::string& path, const Limits& limits) {
  TRYV(CheckPath(path));
  std::string context = Cat("update cgroup ", path);
  if (!Exists(path)) return NotFound(Cat(context, ": there is no such group"));
  if (limits.memory > 0)
    TRYV(MakeRoom(path, static_cast<uint64_t>(limits.memory)).With(context));
  Undo undo;
  for (const V2Write& write : PlanV2Writes(limits, ReadCurrent(path))) {
    auto before = tree_.Read(path, write.file);
    TRYV(Apply(path, write).With(context));
    if (!before.ok()) continue;  // optional, and not here; or a file that can't be read
    undo.Add(write.file, [this, path, write, text = *before]() -> Result<> {
      for (const std::string& line : PlanV2Restore(write.file, write.value, text))
        TRYV(tree_.Write(path, write.file, line));
      return {};
    });
  }
  // One step, and the last: it needs no undo of its own.
  if (limits.devices) TRYV(AttachDevices(tree_, path, *limits.devices).With(context));
  return undo;
}

Result<std::string> CgroupsV2::CreateExec(const std::string& path, const std::string& name) {
  std::string group = Cat(path, "/", name);
  TRYV(CheckPath(group));
  if (!tree_.Exists(path)) return NotFound(Cat("create cgroup ", group, ": there is no ", path));
  Made made;
  TRYV(tree_.Make(group, made).With(Cat("create cgroup ", group)));
  return tree_.Dir(group);
}

Result<> CgroupsV2::Kill(const std::string& path) {
  TRYV(CheckPath(path));
  return KillV2(tree_, path).With(Cat("kill cgroup ", path));
}

Result<> CgroupsV2::Destroy(const std::string& path, Deadline deadline) {
  TRYV(CheckPath(path));
  std::string context = Cat("destroy cgroup ", path);
  TRYV(KillV2(tree_, path).With(context));
  TRYV(WaitEmptyV2(tree_, path, deadline).With(context));
  return tree_.Remove(path, deadline).With(context);
}

}  // namespace cradle::cgroups
