#include "container/plan.h"

#include <sched.h>

#include "base/ids.h"
#include "base/wire.h"
#include "container/plan_parts.h"

namespace cradle::container {
namespace {

constexpr uint64_t kJoinable = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

// What must be there, and go together.
void CheckWhole(const LaunchPlan& p, Checks& check) {
  check.Require("container_id", p.container_id.size() == 64 && IsHexPrefix(p.container_id), "is not 64 hex digits");
  check.Require("pid_target", (p.pid_mode == PidMode::kTarget) == !p.pid_target.empty(),
                "doesn't go with pid_mode");
  check.Require("join_namespaces", !(p.join_namespaces & ~kJoinable), "names others than it may");
  for (const MountPlan& mount : p.mounts)
    check.Require("mounts", p.users || !mount.mapped, "are mapped without a user namespace");
  check.Require("lower_dirs", !p.lower_dirs.empty() && p.lower_dirs.size() <= kMaxLayers,
                "must be 1 to 500");
  check.Require("upper_dir", !p.upper_dir.empty() && !p.work_dir.empty(),
                "and work_dir must be there");
  check.Require("process", !p.process.args.empty(), "is missing");
}

}  // namespace

std::string PausePlan::Encode() const {
  wire::Writer w;
  w.U64(1, new_namespaces);
  w.Str(2, hostname);
  w.Strs(3, cgroup_join);
  w.Str(4, cgroup_v2);
  for (const auto& sysctl : sysctls) w.Sub(5, container::Encode(sysctl));
  w.U64(6, shm_bytes);
  if (oom_score_adj) w.I64(7, *oom_score_adj);
  if (users) w.Sub(8, container::Encode(*users));
  w.Str(9, selinux_label);
  w.Str(10, mount_label);
  return w.Take();
}

Result<PausePlan> PausePlan::Decode(std::string_view bytes) {
  PausePlan p;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: p.new_namespaces = r.U64(); break;
      case 2: p.hostname = check.Text("hostname", r); break;
      case 3: p.cgroup_join.push_back(check.Path("cgroup_join", r)); break;
      case 4: p.cgroup_v2 = check.Text("cgroup_v2", r); break;
      case 5: p.sysctls.push_back(check.Nested("sysctls", DecodePair(r.View()))); break;
      case 6: p.shm_bytes = r.U64(); break;
      case 7: p.oom_score_adj = check.Score(r); break;
      case 8: p.users = check.Nested("users", DecodeUserNamespace(r.View())); break;
      case 9: p.selinux_label = check.Text("selinux_label", r); break;
      case 10: p.mount_label = check.Text("mount_label", r); break;
    }
  check.Require("new_namespaces", !(p.new_namespaces & ~(kJoinable | CLONE_NEWPID)),
                "names others than it may");
  check.Require("hostname", p.hostname.size() <= 64, "is longer than 64 bytes");
  return check.Finish("pause plan", r, std::move(p));
}

std::string LaunchPlan::Encode() const {
  wire::Writer w;
  w.Str(1, container_id);
  w.Strs(2, cgroup_join);
  w.Str(3, cgroup_v2);
  w.Str(4, oom_file);
  w.U64(5, static_cast<uint64_t>(pid_mode));
  w.Str(6, pid_target);
  w.U64(7, join_namespaces);
  w.Strs(8, lower_dirs);
  w.Str(9, upper_dir);
  w.Str(10, work_dir);
  w.U64(11, overlay_volatile);
  w.Bool(12, readonly_rootfs);
  w.U64(13, static_cast<uint64_t>(root_propagation));
  for (const MountPlan& mount : mounts) w.Sub(14, container::Encode(mount));
  for (const DevicePlan& device : devices) w.Sub(15, container::Encode(device));
  w.Strs(16, masked_paths);
  w.Strs(17, readonly_paths);
  w.Strs(18, volume_dirs);
  w.Sub(19, container::Encode(process));
  w.Bool(20, keep_stdin);
  w.Bool(21, stdin_once);
  w.Str(22, log_path);
  if (users) w.Sub(23, container::Encode(*users));
  w.Str(24, mount_label);
  w.Bool(25, oom_below);
  for (const auto& place : view_places) w.Sub(26, container::Encode(place));
  return w.Take();
}

Result<LaunchPlan> LaunchPlan::Decode(std::string_view bytes) {
  LaunchPlan p;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: p.container_id = r.Str(); break;
      case 2: p.cgroup_join.push_back(check.Path("cgroup_join", r)); break;
      case 3: p.cgroup_v2 = check.Text("cgroup_v2", r); break;
      case 4: p.oom_file = check.Text("oom_file", r); break;
      case 5: p.pid_mode = check.Choice("pid_mode", r, PidMode::kTarget); break;
      case 6: p.pid_target = r.Str(); break;
      case 7: p.join_namespaces = r.U64(); break;
      case 8: p.lower_dirs.push_back(check.Path("lower_dirs", r)); break;
      case 9: p.upper_dir = check.Path("upper_dir", r); break;
      case 10: p.work_dir = check.Path("work_dir", r); break;
      case 11: p.overlay_volatile = r.Bool(); break;
      case 12: p.readonly_rootfs = r.Bool(); break;
      case 13: p.root_propagation = check.Choice("root_propagation", r, Propagation::kShared); break;
      case 14: p.mounts.push_back(check.Nested("mounts", DecodeMount(r.View()))); break;
      case 15: p.devices.push_back(check.Nested("devices", DecodeDevice(r.View()))); break;
      case 16: p.masked_paths.push_back(check.Path("masked_paths", r)); break;
      case 17: p.readonly_paths.push_back(check.Path("readonly_paths", r)); break;
      case 18: p.volume_dirs.push_back(check.Path("volume_dirs", r)); break;
      case 19: p.process = check.Nested("process", DecodeProcess(r.View())); break;
      case 20: p.keep_stdin = r.Bool(); break;
      case 21: p.stdin_once = r.Bool(); break;
      case 22: p.log_path = check.Text("log_path", r); break;
      case 23: p.users = check.Nested("users", DecodeUserNamespace(r.View())); break;
      case 24: p.mount_label = check.Text("mount_label", r); break;
      case 25: p.oom_below = r.Bool(); break;
      case 26:
        p.view_places.push_back(check.Nested("view_places", DecodePair(r.View())));
        check.Require("view_places", p.view_places.back().second.starts_with('/'), "holds no absolute path");
        break;
    }
  CheckWhole(p, check);
  return check.Finish("launch plan", r, std::move(p));
}

std::string ExecPlan::Encode() const {
  wire::Writer w;
  w.Str(1, container_id);
  w.Str(2, cgroup_v2);
  w.Strs(3, cgroup_join);
  w.Sub(4, container::Encode(process));
  w.U64(5, timeout_ms);
  w.U64(6, output_limit);
  if (users) w.Sub(7, container::Encode(*users));
  w.Str(8, input);
  return w.Take();
}

Result<ExecPlan> ExecPlan::Decode(std::string_view bytes) {
  ExecPlan p;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: p.container_id = r.Str(); break;
      case 2: p.cgroup_v2 = check.Text("cgroup_v2", r); break;
      case 3: p.cgroup_join.push_back(check.Path("cgroup_join", r)); break;
      case 4: p.process = check.Nested("process", DecodeProcess(r.View())); break;
      case 5: p.timeout_ms = r.U64(); break;
      case 6: p.output_limit = r.U64(); break;
      case 7: p.users = check.Nested("users", DecodeUserNamespace(r.View())); break;
      case 8: p.input = r.Str(); break;
    }
  check.Require("container_id", p.container_id.size() == 64 && IsHexPrefix(p.container_id),
                "is not 64 hex digits");
  check.Require("process", !p.process.args.empty(), "is missing");
  return check.Finish("exec plan", r, std::move(p));
}

}  // namespace cradle::container
