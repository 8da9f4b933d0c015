#include "container/plan_parts.h"

#include <limits>

namespace cradle::container {
namespace {

constexpr uint32_t kMaxU32 = std::numeric_limits<uint32_t>::max();
constexpr uint64_t kLastRlimit = 15;                                  // RLIMIT_RTTIME
constexpr size_t kFilterEntry = 8, kMaxFilter = 4096 * kFilterEntry;  // sock_filter, BPF_MAXINSNS

std::string Encode(const Rlimit& l) {
  wire::Writer w;
  w.U64(1, static_cast<uint64_t>(l.resource));
  w.U64(2, l.soft);
  w.U64(3, l.hard);
  return w.Take();
}
Result<Rlimit> DecodeRlimit(std::string_view bytes) {
  Rlimit l;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: l.resource = check.Number<int>("resource", r, kLastRlimit); break;
      case 2: l.soft = r.U64(); break;
      case 3: l.hard = r.U64(); break;
    }
  check.Require("soft limit", l.soft <= l.hard, "is above the hard one");
  return check.Finish("rlimit", r, l);
}

std::string Encode(const UserPlan& u) {
  wire::Writer w;
  w.Str(1, u.user);
  w.Str(2, u.group);
  for (uint32_t gid : u.supplemental_groups) w.U64(3, gid);
  w.Bool(4, u.strict_groups);
  return w.Take();
}
Result<UserPlan> DecodeUser(std::string_view bytes) {
  UserPlan u;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: u.user = check.Text("name", r); break;
      case 2: u.group = check.Text("group", r); break;
      case 3: u.supplemental_groups.push_back(check.Number("group", r, kMaxU32 - 1)); break;
      case 4: u.strict_groups = r.Bool(); break;
    }
  return check.Finish("user", r, std::move(u));
}

std::string Encode(const ResolvedUser& u) {
  wire::Writer w;
  w.U64(1, u.uid);
  w.U64(2, u.gid);
  for (uint32_t gid : u.groups) w.U64(3, gid);
  return w.Take();
}
Result<ResolvedUser> DecodeResolved(std::string_view bytes) {
  ResolvedUser u;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: u.uid = check.Number("uid", r, kMaxU32 - 1); break;
      case 2: u.gid = check.Number("gid", r, kMaxU32 - 1); break;
      case 3: u.groups.push_back(check.Number("group", r, kMaxU32 - 1)); break;
    }
  return check.Finish("resolved user", r, std::move(u));
}

}  // namespace

std::string Encode(const Pair& pair) {
  wire::Writer w;
  w.Str(1, pair.first);
  w.Str(2, pair.second);
  return w.Take();
}
Result<Pair> DecodePair(std::string_view bytes) {
  Pair pair;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: pair.first = check.Text("name", r); break;
      case 2: pair.second = check.Text("value", r); break;
    }
  check.Require("name", !pair.first.empty(), "is empty");
  return check.Finish("pair", r, std::move(pair));
}

std::string Encode(const MountPlan& m) {
  wire::Writer w;
  w.U64(1, static_cast<uint64_t>(m.kind));
  w.Str(2, m.host_source);
  w.Str(3, m.target);
  w.Bool(4, m.readonly);
  w.Bool(5, m.recursive_readonly);
  w.Bool(6, m.nosuid);
  w.Bool(7, m.nodev);
  w.Bool(8, m.noexec);
  w.U64(9, static_cast<uint64_t>(m.propagation));
  w.Str(10, m.options);
  w.Bool(11, m.mapped);
  w.Strs(12, m.layers);
  if (!m.image_path.empty()) w.Str(13, m.image_path);
  return w.Take();
}
Result<MountPlan> DecodeMount(std::string_view bytes) {
  MountPlan m;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: m.kind = check.Choice("kind", r, MountPlan::Kind::kImage); break;
      case 2: m.host_source = check.Text("host_source", r); break;
      case 3: m.target = check.Path("target", r); break;
      case 4: m.readonly = r.Bool(); break;
      case 5: m.recursive_readonly = r.Bool(); break;
      case 6: m.nosuid = r.Bool(); break;
      case 7: m.nodev = r.Bool(); break;
      case 8: m.noexec = r.Bool(); break;
      case 9: m.propagation = check.Choice("propagation", r, Propagation::kShared); break;
      case 10: m.options = check.Text("options", r); break;
      case 11: m.mapped = r.Bool(); break;
      case 12: m.layers.push_back(check.Path("layers", r)); break;
      case 13: m.image_path = check.Path("image_path", r); break;
    }
  check.Require("target", m.target.find_first_not_of('/') != std::string::npos,
                "is the root, or missing");
  check.Require("host_source", (m.kind == MountPlan::Kind::kBind) == !m.host_source.empty(),
                "doesn't go with kind");
  const bool image = m.kind == MountPlan::Kind::kImage;
  check.Require("layers", image == !m.layers.empty() && m.layers.size() <= kMaxLayers, "don't go with kind");
  check.Require("image_path", image == !m.image_path.empty(), "doesn't go with kind");
  check.Require("readonly", m.readonly || !image, "is missing");
  check.Require("kind", m.kind == MountPlan::Kind::kBind || !m.mapped, "can't be mapped");
  check.Require("host_source", m.host_source.empty() || m.host_source[0] == '/',
                "is not an absolute path");
  return check.Finish("mount", r, std::move(m));
}

std::string Encode(const DevicePlan& d) {
  wire::Writer w;
  w.Str(1, d.path);
  w.Bool(2, d.block);
  w.U64(3, d.major);
  w.U64(4, d.minor);
  w.U64(5, d.mode);
  w.U64(6, d.uid);
  w.U64(7, d.gid);
  return w.Take();
}
Result<DevicePlan> DecodeDevice(std::string_view bytes) {
  DevicePlan d;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: d.path = check.Path("path", r); break;
      case 2: d.block = r.Bool(); break;
      case 3: d.major = check.Number("major", r, kMaxU32); break;
      case 4: d.minor = check.Number("minor", r, kMaxU32); break;
      case 5: d.mode = check.Number("mode", r, 07777); break;
      case 6: d.uid = check.Number("uid", r, kMaxU32 - 1); break;
      case 7: d.gid = check.Number("gid", r, kMaxU32 - 1); break;
    }
  check.Require("path", !d.path.empty(), "is missing");
  return check.Finish("device", r, std::move(d));
}

std::string Encode(const UserNamespace& u) {
  wire::Writer w;
  w.U64(1, u.uids.host);
  w.U64(2, u.uids.length);
  w.U64(3, u.gids.host);
  w.U64(4, u.gids.length);
  return w.Take();
}
Result<UserNamespace> DecodeUserNamespace(std::string_view bytes) {
  UserNamespace u;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: u.uids.host = check.Number("uids", r, kMaxU32 - 1); break;
      case 2: u.uids.length = check.Number("uids", r, kMaxU32); break;
      case 3: u.gids.host = check.Number("gids", r, kMaxU32 - 1); break;
      case 4: u.gids.length = check.Number("gids", r, kMaxU32); break;
    }
  for (const IdRange& range : {u.uids, u.gids})
    check.Require("range", range.length > 0 && range.length <= kMaxU32 - range.host,
                  "is empty, or goes beyond the last id");
  return check.Finish("user namespace", r, u);
}

std::string Encode(const ProcessPlan& p) {
  wire::Writer w;
  w.Strs(1, p.args);
  w.Strs(2, p.env);
  w.Str(3, p.cwd);
  w.Bool(4, p.terminal);
  if (p.resolved) w.Sub(5, Encode(*p.resolved));
  w.Sub(6, Encode(p.user));
  w.U64(7, p.caps_bounding);
  w.U64(8, p.caps_permitted);
  w.U64(9, p.caps_effective);
  w.U64(10, p.caps_inheritable);
  w.U64(11, p.caps_ambient);
  w.Bool(12, p.no_new_privs);
  w.Str(13, p.seccomp_bpf);
  for (const Rlimit& limit : p.rlimits) w.Sub(14, Encode(limit));
  if (p.oom_score_adj) w.I64(15, *p.oom_score_adj);
  w.Str(16, p.apparmor_profile);
  w.Str(17, p.selinux_label);
  return w.Take();
}
Result<ProcessPlan> DecodeProcess(std::string_view bytes) {
  ProcessPlan p;
  Checks check;
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: p.args.push_back(check.Text("args", r)); break;
      case 2: p.env.push_back(check.Text("env", r)); break;
      case 3: p.cwd = check.Path("cwd", r); break;
      case 4: p.terminal = r.Bool(); break;
      case 5: p.resolved = check.Nested("resolved", DecodeResolved(r.View())); break;
      case 6: p.user = check.Nested("user", DecodeUser(r.View())); break;
      case 7: p.caps_bounding = r.U64(); break;
      case 8: p.caps_permitted = r.U64(); break;
      case 9: p.caps_effective = r.U64(); break;
      case 10: p.caps_inheritable = r.U64(); break;
      case 11: p.caps_ambient = r.U64(); break;
      case 12: p.no_new_privs = r.Bool(); break;
      case 13: p.seccomp_bpf = r.Str(); break;
      case 14: p.rlimits.push_back(check.Nested("rlimits", DecodeRlimit(r.View()))); break;
      case 15: p.oom_score_adj = check.Score(r); break;
      case 16: p.apparmor_profile = check.Text("apparmor_profile", r); break;
      case 17: p.selinux_label = check.Text("selinux_label", r); break;
    }
  check.Require("args", !p.args.empty(), "is empty");
  check.Require("seccomp_bpf",
                p.seccomp_bpf.size() % kFilterEntry == 0 && p.seccomp_bpf.size() <= kMaxFilter,
                "is no filter");
  return check.Finish("process", r, std::move(p));
}

}  // namespace cradle::container
