#include "shim/decode.h"

#include "base/sys/file.h"
#include "base/wire.h"

namespace cradle::shim {
namespace {

constexpr size_t kMaxReply = 64 << 20;
constexpr uint64_t kHighestCode = 16;  // gRPC's

Result<> Whole(const wire::Reader& reader) {
  if (!reader.ok()) return Internal("malformed answer from the shim");
  return {};
}

Result<container::ResolvedUser> DecodeUser(std::string_view fields) {
  container::ResolvedUser user;
  wire::Reader reader(fields);
  while (reader.Next()) {
    switch (reader.tag()) {
      case kUid: user.uid = static_cast<uint32_t>(reader.U64()); break;
      case kGid: user.gid = static_cast<uint32_t>(reader.U64()); break;
      case kGroup: user.groups.push_back(static_cast<uint32_t>(reader.U64())); break;
      default: break;
    }
  }
  TRYV(Whole(reader));
  return user;
}

Result<Listed> DecodeItem(std::string_view fields) {
  Listed item;
  wire::Reader reader(fields);
  while (reader.Next()) {
    switch (reader.tag()) {
      case kContainer: item.container = reader.Str(); break;
      case kState: item.state = static_cast<ContainerState>(reader.U64()); break;
      case kPid: item.pid = static_cast<pid_t>(reader.U64()); break;
      case kUser: item.user = TRY(DecodeUser(reader.View())); break;
      case kStartedAt: item.started_at = reader.I64(); break;
      default: break;
    }
  }
  TRYV(Whole(reader));
  if (item.state == ContainerState::kExited) item.exit = TRY(DecodeExit(fields));
  return item;
}

}  // namespace

Result<ExitInfo> DecodeExit(std::string_view bytes) {
  ExitInfo exit;
  wire::Reader reader(bytes);
  while (reader.Next()) {
    switch (reader.tag()) {
      case kContainer: exit.container = reader.Str(); break;
      case kExitCode: exit.exit_code = static_cast<int>(reader.U64()); break;
      case kSignal: exit.signal = static_cast<int>(reader.U64()); break;
      case kOomKilled: exit.oom_killed = reader.Bool(); break;
      case kStartFailed: exit.start_failed = reader.Bool(); break;
      case kUnknown: exit.unknown = reader.Bool(); break;
      case kStartedAt: exit.started_at = reader.I64(); break;
      case kFinishedAt: exit.finished_at = reader.I64(); break;
      case kLogDropped: exit.log_dropped = reader.U64(); break;
      default: break;
    }
  }
  TRYV(Whole(reader));
  if (exit.container.empty()) return Internal("an exit without a container");
  return exit;
}

Result<Packet> DecodePacket(sys::Message message) {
  Packet packet;
  bool in_memfd = false;
  wire::Reader reader(message.data);
  while (reader.Next()) {
    switch (reader.tag()) {
      case kKind: packet.kind = static_cast<Kind>(reader.U64()); break;
      case kSeq: packet.seq = reader.U64(); break;
      case kInMemfd: in_memfd = reader.Bool(); break;
      default: break;
    }
  }
  TRYV(Whole(reader));
  packet.fields = std::move(message.data);
  packet.fds = std::move(message.fds);
  if (in_memfd) {
    if (packet.fds.empty()) return Internal("an answer from the shim lacks its body");
    packet.fields = TRY(sys::ReadSealedMemfd(packet.fds.front(), kMaxReply));
    packet.fds.erase(packet.fds.begin());
  }
  return packet;
}

Result<> CheckReply(std::string_view fields) {
  uint64_t code = 0;
  std::string text;
  wire::Reader reader(fields);
  while (reader.Next()) {
    if (reader.tag() == kErrorCode) code = reader.U64();
    if (reader.tag() == kErrorText) text = reader.Str();
  }
  TRYV(Whole(reader));
  if (code == 0) return {};
  return Error(code <= kHighestCode ? static_cast<Code>(code) : Code::kUnknown, std::move(text));
}

Result<HelloReply> DecodeHello(std::string_view fields) {
  HelloReply hello;
  wire::Reader reader(fields);
  while (reader.Next()) {
    switch (reader.tag()) {
      case kVersion: hello.version = reader.U64(); break;
      case kPid: hello.shim_pid = static_cast<pid_t>(reader.U64()); break;
      case kPausePid: hello.pause_pid = static_cast<pid_t>(reader.U64()); break;
      default: break;
    }
  }
  TRYV(Whole(reader));
  return hello;
}

Result<ProcessReply> DecodeProcess(std::string_view fields) {
  ProcessReply out;
  wire::Reader reader(fields);
  while (reader.Next()) {
    switch (reader.tag()) {
      case kPid:
      case kPausePid: out.pid = static_cast<pid_t>(reader.U64()); break;
      case kUser: out.user = TRY(DecodeUser(reader.View())); break;
      default: break;
    }
  }
  TRYV(Whole(reader));
  return out;
}

Result<int64_t> DecodeStarted(std::string_view fields) {
  int64_t started_at = 0;
  wire::Reader reader(fields);
  while (reader.Next())
    if (reader.tag() == kStartedAt) started_at = reader.I64();
  if (!reader.ok() || started_at <= 0) return Internal("the shim's answer lacks the time of the start");
  return started_at;
}

Result<std::vector<Listed>> DecodeList(std::string_view fields) {
  std::vector<Listed> out;
  wire::Reader reader(fields);
  while (reader.Next())
    if (reader.tag() == kItem) out.push_back(TRY(DecodeItem(reader.View())));
  TRYV(Whole(reader));
  return out;
}

}  // namespace cradle::shim
