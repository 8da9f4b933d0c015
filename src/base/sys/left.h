// What processes left that are gone: messages that wait in a socket, how they ended, children.
#pragma once

#include <functional>
#include <vector>

#include "base/sys/process.h"
#include "base/sys/socket.h"

namespace cradle::sys {

// What waits in a seqpacket socket, in order; all of it goes on waiting (SO_PEEK_OFF). Each at most `limit` bytes.
Result<std::vector<Message>> PeekMessages(FdRef socket, size_t limit);
// The first of them. EAGAIN: none waits.
Result<Message> PeekMessage(FdRef socket, size_t limit);

// How a process ended that is another's child: as the kernel keeps it with the pidfd once somebody has reaped it (Linux
// 6.15, PIDFD_INFO_EXIT), or shows it until then (/proc). kNotFound: it was reaped, and nobody can tell.
Result<Exit> ExitOf(FdRef pidfd, pid_t pid);

// ReapStrangers, but those of whom `spare` says so.
int ReapStrangers(const std::function<bool(pid_t)>& spare);

}  // namespace cradle::sys
