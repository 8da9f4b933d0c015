// Sockets, pipes, epoll, timers, terminals: one function per system call, close-on-exec always.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
Result<Pipe> MakePipe(int flags = 0);  // pipe2(2); O_CLOEXEC is added
Result<> SetNonblocking(FdRef fd, bool on);
Result<int> SetPipeSize(FdRef fd, int bytes);  // what the kernel gave

// The other end of a terminal's master (TIOCGPTPEER): no path is looked up. Never becomes the controlling terminal.
Result<UniqueFd> OpenTerminalPeer(FdRef master);
Result<> SetWindowSize(FdRef terminal, uint16_t width, uint16_t height);
// Its width; 0 when it is no terminal.
uint16_t TerminalColumns(FdRef terminal);

struct SocketPair {
  UniqueFd first;
  UniqueFd second;
};
Result<SocketPair> MakeSocketPair(int type);

// A unix socket bound to `path` (mode 0600 unless changed) and listening. Paths over 107 bytes are bound through
// /proc/self/fd of their directory. An old socket file is removed first. `type`: SOCK_STREAM or SOCK_SEQPACKET.
Result<UniqueFd> ListenUnix(const std::string& path, int type, int backlog);
// Non-blocking connect; a unix socket connects at once or fails (EAGAIN: the backlog is full).
Result<UniqueFd> ConnectUnix(const std::string& path, int type);
Result<UniqueFd> Accept(FdRef listener, int flags);
// uid of the process that connected (SO_PEERCRED).
Result<uid_t> PeerUid(FdRef socket);

// One seqpacket message with descriptors. Send: kResourceExhausted (EAGAIN) when the peer's queue is full.
Result<> SendMessage(FdRef socket, std::string_view data, const std::vector<FdRef>& fds = {});
struct Message {
  std::string data;  // empty: the peer closed
  std::vector<UniqueFd> fds;
};
// At most `limit` bytes and 16 descriptors; a longer message is an error, its descriptors are closed.
Result<Message> ReceiveMessage(FdRef socket, size_t limit);
// The first message that waits, which goes on waiting. EAGAIN: none waits.
Result<Message> PeekMessage(FdRef socket, size_t limit);
// All that wait, in order (SO_PEEK_OFF).
Result<std::vector<Message>> PeekMessages(FdRef socket, size_t limit);

Result<UniqueFd> EpollCreate();
Result<> EpollAdd(FdRef epoll, FdRef fd, uint32_t events, uint64_t data);
Result<> EpollModify(FdRef epoll, FdRef fd, uint32_t events, uint64_t data);
Result<> EpollDelete(FdRef epoll, FdRef fd);
// Fills `out`; timeout in milliseconds, -1 waits. An interrupted wait returns 0 events.
Result<int> EpollWait(FdRef epoll, std::vector<epoll_event>& out, int timeout_ms);

Result<UniqueFd> EventfdCreate();
void EventfdSignal(FdRef fd);
void EventfdDrain(FdRef fd);
// poll(2) for reading: true when something is there before the deadline.
Result<bool> PollReadable(FdRef fd, Deadline deadline);
Result<bool> PollWritable(FdRef fd, Deadline deadline);
// poll(2) on several; fills revents. False at the deadline.
Result<bool> Poll(std::span<pollfd> fds, Deadline deadline);

Result<UniqueFd> SocketCreate(int domain, int type, int protocol);
// Without waiting: how much of `head` and then `body` a stream socket took. EAGAIN: nothing.
Result<size_t> SendPieces(FdRef socket, std::string_view head, std::string_view body);
// setsockopt(2) with an int.
Result<> SetSocketOption(FdRef socket, int level, int name, int value);
// The pending error of a socket, as a Result (SO_ERROR): how a connect that was under way has ended.
Result<> SocketError(FdRef socket);
// A non-blocking TCP socket that listens on a numeric address (IPv4 or IPv6); port 0: any.
Result<UniqueFd> ListenTcp(const std::string& address, uint16_t port, int backlog);
Result<uint16_t> LocalPort(FdRef socket);
// Begins to connect a non-blocking TCP socket of `domain` (AF_INET, AF_INET6) to the loopback address. True: it is
// connected; false: it is under way, EPOLLOUT tells.
Result<bool> ConnectLoopback(FdRef socket, int domain, uint16_t port);
// A non-blocking TCP socket connected to a numeric address. Waits for it until the deadline.
Result<UniqueFd> ConnectTcp(const std::string& address, uint16_t port, Deadline deadline);
Result<> Shutdown(FdRef socket, int how);
// Sets IFF_UP of a network interface in the network namespace that the socket was made in (netdevice(7)).
Result<> InterfaceUp(FdRef socket, const std::string& name);

}  // namespace cradle::sys
