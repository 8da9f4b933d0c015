#include "shim/keep.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/sys/process.h"
#include "base/wire.h"
#include "shim/protocol.h"

namespace cradle::shim {
namespace {

constexpr int kQueueSize = 4 << 20;
constexpr int kStdin = 0, kStdout = 1;  // pause's

enum KeepTag : uint16_t {
  kName = 1,
  kFields = 2,
  kCgroup = 3,
  kLogPath = 4,
  kOomFile = 5,
  kOomBelow = 6,
  kOomBaseline = 7,
  kKeepStdin = 8,
  kStdinOnce = 9,
  kPlace = 10,  // nested: kPlaceName, kPlaceDir
  kPlaceName = 11,
  kPlaceDir = 12,
  kUserId = 13,
  kGroupId = 14,
  kMoreGroup = 15,
  kProcess = 16,
  kStarted = 17,
  kLogSlot = 18,
  kTerminal = 19,  // the descriptors after the pidfd are: the terminal, or out and err
  kViews = 20,     // and one more
};

struct Named {
  std::string name, fields;
};
Result<Named> Parse(const std::string& data) {
  Named out;
  wire::Reader reader(data);
  while (reader.Next()) {
    if (reader.tag() == kName) out.name = reader.Str();
    if (reader.tag() == kFields) out.fields = reader.Str();
  }
  if (!reader.ok() || out.name.empty()) return Internal("what pause keeps is damaged");
  return out;
}

std::vector<FdRef> Refs(const std::vector<UniqueFd>& fds) { return {fds.begin(), fds.end()}; }

}  // namespace

Result<Keep> Keep::Make() {
  sys::SocketPair pair = TRY(sys::MakeSocketPair(SOCK_SEQPACKET));
  // Refused without CAP_NET_ADMIN: then it is what everybody has, enough for some hundred containers.
  (void)sys::SetSocketOption(pair.second, SOL_SOCKET, SO_SNDBUFFORCE, kQueueSize).ok();
  Keep keep;
  keep.in_ = std::move(pair.first);
  keep.out_ = std::move(pair.second);
  return keep;
}

Result<Keep> Keep::TakeFrom(FdRef pause) {
  Keep keep;
  keep.in_ = TRY(sys::PidfdGetfd(pause, kStdin).With("what pause keeps"));
  keep.out_ = TRY(sys::PidfdGetfd(pause, kStdout).With("what pause keeps"));
  for (const sys::Message& message : TRY(sys::PeekMessages(keep.in_, kMaxPacket).With("what pause keeps")))
    keep.names_.push_back(TRY(Parse(message.data)).name);
  return keep;
}

Result<> Keep::Put(const std::string& name, std::string_view fields, const std::vector<FdRef>& fds) {
  wire::Writer message;
  message.Str(kName, name);
  message.Str(kFields, fields);
  if (message.bytes().size() > kMaxPacket) return Error(Code::kResourceExhausted, "too much for pause to keep");
  TRYV(sys::SendMessage(out_, message.bytes(), fds).With("keep"));
  names_.push_back(name);
  return {};
}

// The others go round: each is sent again before it is received.
void Keep::Drop(const std::string& name) {
  if (std::find(names_.begin(), names_.end(), name) == names_.end()) return;
  for (size_t left = names_.size(); left > 0; --left) {
    if (names_.front() != name) {
      auto head = sys::PeekMessage(in_, kMaxPacket);
      if (!head.ok() || !sys::SendMessage(out_, head->data, Refs(head->fds)).ok()) return;
      names_.push_back(names_.front());
    }
    if (!sys::ReceiveMessage(in_, kMaxPacket).ok()) return;
    names_.pop_front();
  }
}

Result<std::map<std::string, Keep::Item>> Keep::Look() {
  std::map<std::string, Item> all;
  for (sys::Message& message : TRY(sys::PeekMessages(in_, kMaxPacket))) {
    Named named = TRY(Parse(message.data));
    all[named.name] = {std::move(named.fields), std::move(message.fds)};
  }
  return all;
}

Result<> Kept::Put(Keep& keep, const std::string& id) const {
  wire::Writer fields;
  fields.Str(kCgroup, cgroup_v2);
  fields.Str(kLogPath, log_path);
  fields.Str(kOomFile, oom_file);
  fields.Bool(kOomBelow, oom_below);
  fields.U64(kOomBaseline, oom_baseline);
  fields.Bool(kKeepStdin, keep_stdin);
  fields.Bool(kStdinOnce, stdin_once);
  for (const auto& [name, dir] : view_places) {
    wire::Writer place;
    place.Str(kPlaceName, name);
    place.Str(kPlaceDir, dir);
    fields.Sub(kPlace, place.bytes());
  }
  fields.U64(kUserId, user.uid);
  fields.U64(kGroupId, user.gid);
  for (uint32_t group : user.groups) fields.U64(kMoreGroup, group);
  fields.U64(kProcess, static_cast<uint64_t>(pid));
  fields.I64(kStarted, started_at);
  fields.U64(kLogSlot, log_slot);
  fields.Bool(kTerminal, terminal.valid());
  fields.Bool(kViews, views.valid());
  std::vector<FdRef> fds;
  for (const UniqueFd* fd : {&pidfd, &terminal, &out, &err, &views})
    if (fd->valid()) fds.push_back(*fd);
  return keep.Put(id, fields.bytes(), fds);
}

Result<Kept> Kept::From(Keep::Item item) {
  Kept kept;
  bool has_terminal = false, has_views = false;
  wire::Reader reader(item.fields);
  while (reader.Next()) {
    switch (reader.tag()) {
      case kCgroup: kept.cgroup_v2 = reader.Str(); break;
      case kLogPath: kept.log_path = reader.Str(); break;
      case kOomFile: kept.oom_file = reader.Str(); break;
      case kOomBelow: kept.oom_below = reader.Bool(); break;
      case kOomBaseline: kept.oom_baseline = reader.U64(); break;
      case kKeepStdin: kept.keep_stdin = reader.Bool(); break;
      case kStdinOnce: kept.stdin_once = reader.Bool(); break;
      case kPlace: {
        auto& place = kept.view_places.emplace_back();
        wire::Reader parts(reader.View());
        while (parts.Next()) (parts.tag() == kPlaceName ? place.first : place.second) = parts.Str();
        break;
      }
      case kUserId: kept.user.uid = static_cast<uint32_t>(reader.U64()); break;
      case kGroupId: kept.user.gid = static_cast<uint32_t>(reader.U64()); break;
      case kMoreGroup: kept.user.groups.push_back(static_cast<uint32_t>(reader.U64())); break;
      case kProcess: kept.pid = static_cast<pid_t>(reader.U64()); break;
      case kStarted: kept.started_at = reader.I64(); break;
      case kLogSlot: kept.log_slot = static_cast<uint32_t>(reader.U64()); break;
      case kTerminal: has_terminal = reader.Bool(); break;
      case kViews: has_views = reader.Bool(); break;
      default: break;
    }
  }
  std::vector<UniqueFd*> due = {&kept.pidfd};
  if (has_terminal)
    due.push_back(&kept.terminal);
  else
    due.insert(due.end(), {&kept.out, &kept.err});
  if (has_views) due.push_back(&kept.views);
  if (!reader.ok() || kept.pid <= 0 || item.fds.size() != due.size()) return Internal("what pause keeps is damaged");
  for (size_t i = 0; i < due.size(); ++i) *due[i] = std::move(item.fds[i]);
  return kept;
}

}  // namespace cradle::shim
