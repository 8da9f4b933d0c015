// What the daemon reads from a shim's packets. A malformed packet is an error, never a guess.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/sys/socket.h"
#include "shim/client.h"

namespace cradle::shim {

// One packet: a reply or an event.
struct Packet {
  Kind kind = Kind::kReply;
  uint64_t seq = 0;
  std::string fields;  // all of them, tags as in protocol.h
  std::vector<UniqueFd> fds;
};
Result<Packet> DecodePacket(sys::Message message);
// The error that a reply tells, if it does.
Result<> CheckReply(std::string_view fields);

struct HelloReply {
  uint64_t version = 0;
  pid_t shim_pid = 0;
  pid_t pause_pid = 0;
};
Result<HelloReply> DecodeHello(std::string_view fields);

struct ProcessReply {
  pid_t pid = 0;
  container::ResolvedUser user;
};
// Of kPause, kCreate, kPidfd.
Result<ProcessReply> DecodeProcess(std::string_view fields);
// Of kStart: when it began to run.
Result<int64_t> DecodeStarted(std::string_view fields);
Result<std::vector<Listed>> DecodeList(std::string_view fields);

}  // namespace cradle::shim
