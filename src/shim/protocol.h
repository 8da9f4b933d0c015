// What cradled and a shim say to each other over `<state>/pods/<pod>/shim.sock` (unix, SOCK_SEQPACKET, root only).
//
// A message is one packet of wire fields: kKind, kSeq and the fields of its kind. A request is answered once, by kReply
// with its kSeq; events have no kSeq. Plans, and answers larger than a packet, travel as a sealed memfd in the same
// packet (of such an answer the packet holds kKind, kSeq and kInMemfd, and its first descriptor is the memfd with the
// other fields). Unknown kinds are answered kUnimplemented; unknown fields are skipped. Several connections may be open; each
// gets the events from its kHello on, and on kHello one kExited event for each exit that is not yet forgotten (kDelete).
//
//   request        fields in                 attached        reply
//   kHello         kVersion                                  kVersion, kPid (shim's), kPausePid, fd: pause's pidfd
//   kPause         -                         PausePlan       kPausePid, fd: pidfd
//   kTakeOver      kPid (pause's)            pause's pidfd   -  of a successor: the pod of a shim that is dead. kList tells
//                                                            what runs; on an error it is of no use.
//   kCreate        -                         LaunchPlan      kPid, kUser (ResolvedUser), fd: pidfd
//   kStart         kContainer                                kStartedAt (or the error of exec, in words)
//   kList          -                                         kItem per container: kContainer, kState, kPid, kUser,
//                                                            kStartedAt, and of an exited one the fields of kExited;
//                                                            no fds (pidfds: kPidfd)
//   kPidfd         kContainer                                kPid, fd: pidfd; NOT_FOUND once it is reaped
//   kReopenLog     kContainer                                -  after the new file exists
//   kExec          -                         ExecPlan        kExitCode, kTimedOut; fds: memfd stdout, memfd stderr.
//                                                            Answered when it is over.
//   kEndExec       kOf: the kSeq of a kExec of                -  kills it; its own answer comes when it is over
//                  this connection
//   kResize        kContainer, kWidth, kHeight               -
//   kDelete        kContainer                                -  only an exited or never started one; forgets its exit
//   kStream        -                         SessionPlan     -  when the session has begun; a second descriptor comes
//                                            and the socket     with the request: the client's connection. On an error
//                                                               nothing was sent to the client.
//   kShutdown      -                                         -  kills pause and what is left, then exits
//   event kExited  kContainer, kExitCode (0-255, signals as 128+n), kSignal, kOomKilled, kStartedAt, kFinishedAt,
//                  kStartFailed, kUnknown
//   event kPauseEnded  -                                     pause was killed: from now on kHello tells of none
//
// The shim also writes each exit to `<state>/pods/<pod>/exit.<container>` (the same fields), before it sends the event.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cradle::shim {

inline constexpr uint64_t kProtocolVersion = 1;
inline constexpr size_t kMaxPacket = 60 * 1024;
inline constexpr size_t kMaxPlan = 8 << 20;

enum class Kind : uint64_t {
  kReply = 0,
  kHello = 1,
  kPause = 2,
  kCreate = 3,
  kStart = 4,
  kList = 5,
  kPidfd = 6,
  kReopenLog = 7,
  kExec = 8,
  kResize = 9,
  kDelete = 10,
  kShutdown = 11,
  kStream = 12,
  kEndExec = 13,
  kTakeOver = 14,
  kExited = 100,
  kPauseEnded = 101,
};

enum class ContainerState : uint64_t { kCreated = 1, kRunning = 2, kExited = 3 };

// Field tags.
enum Tag : uint16_t {
  kKind = 1,
  kSeq = 2,
  kErrorCode = 3,  // a reply with it is an error; cradle::Code
  kErrorText = 4,
  kVersion = 10,
  kPid = 11,
  kPausePid = 12,
  kContainer = 13,
  kUser = 14,      // nested: kUid, kGid, kGroup...
  kUid = 15,
  kGid = 16,
  kGroup = 17,
  kItem = 18,
  kState = 19,
  kExitCode = 20,
  kSignal = 21,
  kOomKilled = 22,
  kFinishedAt = 23,  // wall clock, ns
  kStartedAt = 24,
  kTimedOut = 25,
  kWidth = 26,
  kHeight = 27,
  kStartFailed = 28,  // never execed
  kLogDropped = 29,   // bytes of output lost to write errors so far
  kInMemfd = 30,      // the fields of this reply are in its first descriptor
  kOf = 31,
  kUnknown = 32,      // of an exit: nobody knows how it ended
};

}  // namespace cradle::shim
