#include "base/sys/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/sys/file.h"

namespace cradle::sys {
namespace {

constexpr size_t kMaxFds = 16;

Result<> Done(int result, std::string_view what) {
  if (result < 0) return Error::FromErrno(errno, what);
  return {};
}

// The address of a path that may be longer than sun_path: through a descriptor of its directory.
struct UnixAddress {
  sockaddr_un address{};
  UniqueFd directory;

  static Result<UnixAddress> Of(const std::string& path) {
    UnixAddress out;
    out.address.sun_family = AF_UNIX;
    std::string shortened = path;
    if (path.size() >= sizeof out.address.sun_path) {
      size_t slash = path.rfind('/');
      if (slash == std::string::npos) return InvalidArgument(Cat("socket path too long: ", path));
      out.directory = TRY(OpenAt(kCwd, path.substr(0, slash), O_PATH | O_DIRECTORY));
      shortened = Cat("/proc/self/fd/", std::to_string(out.directory.get()), path.substr(slash));
      if (shortened.size() >= sizeof out.address.sun_path)
        return InvalidArgument(Cat("socket name too long: ", path));
    }
    std::memcpy(out.address.sun_path, shortened.c_str(), shortened.size() + 1);
    return out;
  }
};

struct InternetAddress {
  sockaddr_storage storage{};

  static Result<InternetAddress> Of(const std::string& text, uint16_t port) {
    InternetAddress out;
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1)
      out.storage.ss_family = AF_INET;
    else if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1)
      out.storage.ss_family = AF_INET6;
    else
      return InvalidArgument(Cat("not an IP address: ", text));
    v4->sin_port = htons(port);  // both have it in the same place
    return out;
  }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int domain() const { return storage.ss_family; }
  socklen_t size() const { return domain() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }
  uint16_t port() const { return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port); }
};

Result<bool> PollFor(FdRef fd, short events, Deadline deadline) {
  for (;;) {
    pollfd waited{fd.get(), events, 0};
    int ready = ::poll(&waited, 1, MillisLeft(deadline));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return Error::FromErrno(errno, "poll");
  }
}

}  // namespace

Result<Pipe> MakePipe(int flags) {
  int fds[2];
  if (::pipe2(fds, flags | O_CLOEXEC) < 0) return Error::FromErrno(errno, "pipe2");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<> SetNonblocking(FdRef fd, bool on) {
  int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0) return Error::FromErrno(errno, "F_GETFL");
  return Done(::fcntl(fd.get(), F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK), "F_SETFL");
}

Result<int> SetPipeSize(FdRef fd, int bytes) {
  int got = ::fcntl(fd.get(), F_SETPIPE_SZ, bytes);
  if (got < 0) return Error::FromErrno(errno, "F_SETPIPE_SZ");
  return got;
}

Result<UniqueFd> OpenTerminalPeer(FdRef master) {
  int fd = ::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return Error::FromErrno(errno, "TIOCGPTPEER");
  return UniqueFd(fd);
}

Result<> SetWindowSize(FdRef terminal, uint16_t width, uint16_t height) {
  winsize size{};
  size.ws_col = width;
  size.ws_row = height;
  return Done(::ioctl(terminal.get(), TIOCSWINSZ, &size), "TIOCSWINSZ");
}

uint16_t TerminalColumns(FdRef terminal) {
  winsize size{};
  return ::ioctl(terminal.get(), TIOCGWINSZ, &size) == 0 ? size.ws_col : uint16_t{0};
}

Result<SocketPair> MakeSocketPair(int type) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
    return Error::FromErrno(errno, "socketpair");
  return SocketPair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<UniqueFd> ListenUnix(const std::string& path, int type, int backlog) {
  UnixAddress to = TRY(UnixAddress::Of(path));
  UniqueFd fd = TRY(SocketCreate(AF_UNIX, type | SOCK_NONBLOCK, 0));
  // fchmod before bind gives the file its mode at birth: no moment with a wider one.
  if (::fchmod(fd.get(), 0600) < 0) return Error::FromErrno(errno, "fchmod socket");
  ::unlink(to.address.sun_path);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&to.address), sizeof to.address) < 0)
    return Error::FromErrno(errno, Cat("bind ", path));
  if (::listen(fd.get(), backlog) < 0) return Error::FromErrno(errno, Cat("listen ", path));
  return fd;
}

Result<UniqueFd> ConnectUnix(const std::string& path, int type) {
  UnixAddress to = TRY(UnixAddress::Of(path));
  UniqueFd fd = TRY(SocketCreate(AF_UNIX, type | SOCK_NONBLOCK, 0));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to.address), sizeof to.address) < 0)
    return Error::FromErrno(errno, Cat("connect ", path));
  return fd;
}

Result<UniqueFd> Accept(FdRef listener, int flags) {
  int fd = ::accept4(listener.get(), nullptr, nullptr, flags | SOCK_CLOEXEC);
  if (fd < 0) return Error::FromErrno(errno, "accept");
  return UniqueFd(fd);
}

Result<uid_t> PeerUid(FdRef socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
    return Error::FromErrno(errno, "SO_PEERCRED");
  return credentials.uid;
}

Result<> SendMessage(FdRef socket, std::string_view data, const std::vector<FdRef>& fds) {
  if (fds.size() > kMaxFds) return InvalidArgument("too many descriptors in one message");
  iovec part{const_cast<char*>(data.data()), data.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))] = {};
  if (!fds.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    for (size_t i = 0; i < fds.size(); ++i) {
      int fd = fds[i].get();
      std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof fd);
    }
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(socket.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return Error::FromErrno(errno, "sendmsg");
  return {};
}

namespace {

Result<Message> Receive(FdRef socket, size_t limit, int flags) {
  // The length first: a buffer of `limit` bytes for every small message would cost a shim its memory.
  ssize_t waiting = ::recv(socket.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  if (waiting < 0) return Error::FromErrno(errno, "recvmsg");
  size_t size = static_cast<size_t>(waiting) < limit ? static_cast<size_t>(waiting) : limit;
  Message out;
  out.data.resize(size);
  iovec part{out.data.data(), size};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = ::recvmsg(socket.get(), &header, flags | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Error::FromErrno(errno, "recvmsg");
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      out.fds.emplace_back(fd);
    }
  }
  if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
    return Error(Code::kOutOfRange, "message longer than allowed");
  out.data.resize(static_cast<size_t>(got));
  return out;
}

}  // namespace

Result<Message> ReceiveMessage(FdRef socket, size_t limit) { return Receive(socket, limit, 0); }
Result<Message> PeekMessage(FdRef socket, size_t limit) { return Receive(socket, limit, MSG_PEEK); }

Result<std::vector<Message>> PeekMessages(FdRef socket, size_t limit) {
  TRYV(SetSocketOption(socket, SOL_SOCKET, SO_PEEK_OFF, 0));
  std::vector<Message> all;
  Result<> end;
  while (end.ok()) {
    auto message = PeekMessage(socket, limit);
    if (message.ok() && !message->data.empty())
      all.push_back(std::move(*message));
    else
      end = message.ok() ? Error::FromErrno(EAGAIN, "recvmsg") : std::move(message.error());
  }
  TRYV(SetSocketOption(socket, SOL_SOCKET, SO_PEEK_OFF, -1));
  if (end.error().err() != EAGAIN) return std::move(end.error());
  return all;
}

Result<UniqueFd> EpollCreate() {
  int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return Error::FromErrno(errno, "epoll_create1");
  return UniqueFd(fd);
}

Result<> EpollAdd(FdRef epoll, FdRef fd, uint32_t events, uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return Done(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event), "EPOLL_CTL_ADD");
}

Result<> EpollModify(FdRef epoll, FdRef fd, uint32_t events, uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return Done(::epoll_ctl(epoll.get(), EPOLL_CTL_MOD, fd.get(), &event), "EPOLL_CTL_MOD");
}

Result<> EpollDelete(FdRef epoll, FdRef fd) {
  return Done(::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, fd.get(), nullptr), "EPOLL_CTL_DEL");
}

Result<int> EpollWait(FdRef epoll, std::vector<epoll_event>& out, int timeout_ms) {
  int ready = ::epoll_wait(epoll.get(), out.data(), static_cast<int>(out.size()), timeout_ms);
  if (ready < 0) {
    if (errno == EINTR) return 0;
    return Error::FromErrno(errno, "epoll_wait");
  }
  return ready;
}

Result<UniqueFd> EventfdCreate() {
  int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return Error::FromErrno(errno, "eventfd");
  return UniqueFd(fd);
}

void EventfdSignal(FdRef fd) {
  uint64_t one = 1;
  (void)!::write(fd.get(), &one, sizeof one);  // EAGAIN: it is signalled already
}

void EventfdDrain(FdRef fd) {
  uint64_t count;
  (void)!::read(fd.get(), &count, sizeof count);
}

Result<bool> PollReadable(FdRef fd, Deadline deadline) { return PollFor(fd, POLLIN, deadline); }
Result<bool> Poll(std::span<pollfd> fds, Deadline deadline) {
  for (;;) {
    int ready = ::poll(fds.data(), fds.size(), MillisLeft(deadline));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return Error::FromErrno(errno, "poll");
  }
}

Result<bool> PollWritable(FdRef fd, Deadline deadline) { return PollFor(fd, POLLOUT, deadline); }

Result<UniqueFd> SocketCreate(int domain, int type, int protocol) {
  int fd = ::socket(domain, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) return Error::FromErrno(errno, "socket");
  return UniqueFd(fd);
}

Result<size_t> SendPieces(FdRef socket, std::string_view head, std::string_view body) {
  iovec pieces[2] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = 2;
  for (;;) {
    ssize_t sent = ::sendmsg(socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<size_t>(sent);
    if (errno != EINTR) return Error::FromErrno(errno, "sendmsg");
  }
}

Result<> SetSocketOption(FdRef socket, int level, int name, int value) {
  return Done(::setsockopt(socket.get(), level, name, &value, sizeof value), "setsockopt");
}

Result<> SocketError(FdRef socket) {
  int error = 0;
  socklen_t size = sizeof error;
  TRYV(Done(::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size), "SO_ERROR"));
  if (error != 0) return Error::FromErrno(error, "connect");
  return {};
}

Result<UniqueFd> ListenTcp(const std::string& address, uint16_t port, int backlog) {
  InternetAddress at = TRY(InternetAddress::Of(address, port));
  UniqueFd fd = TRY(SocketCreate(at.domain(), SOCK_STREAM | SOCK_NONBLOCK, 0));
  TRYV(SetSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1));
  if (::bind(fd.get(), at.get(), at.size()) < 0)
    return Error::FromErrno(errno, Cat("bind ", address, ":", std::to_string(port)));
  TRYV(Done(::listen(fd.get(), backlog), "listen"));
  return fd;
}

Result<uint16_t> LocalPort(FdRef socket) {
  InternetAddress at;
  socklen_t size = sizeof at.storage;
  TRYV(Done(::getsockname(socket.get(), at.get(), &size), "getsockname"));
  return at.port();
}

Result<bool> ConnectLoopback(FdRef socket, int domain, uint16_t port) {
  InternetAddress to = TRY(InternetAddress::Of(domain == AF_INET6 ? "::1" : "127.0.0.1", port));
  if (::connect(socket.get(), to.get(), to.size()) == 0) return true;
  if (errno == EINPROGRESS) return false;
  return Error::FromErrno(errno, "connect");
}

Result<UniqueFd> ConnectTcp(const std::string& address, uint16_t port, Deadline deadline) {
  InternetAddress to = TRY(InternetAddress::Of(address, port));
  UniqueFd fd = TRY(SocketCreate(to.domain(), SOCK_STREAM | SOCK_NONBLOCK, 0));
  if (::connect(fd.get(), to.get(), to.size()) == 0) return fd;
  std::string what = Cat("connect to ", address, ":", std::to_string(port));
  if (errno != EINPROGRESS) return Error::FromErrno(errno, what);
  if (!TRY(PollFor(fd, POLLOUT, deadline))) return Error(Code::kDeadlineExceeded, Cat(what, ": timed out"));
  TRYV(SocketError(fd).With(Cat(address, ":", std::to_string(port))));
  return fd;
}

Result<> Shutdown(FdRef socket, int how) { return Done(::shutdown(socket.get(), how), "shutdown"); }

Result<> InterfaceUp(FdRef socket, const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) return InvalidArgument(Cat("interface name too long: ", name));
  std::memcpy(request.ifr_name, name.c_str(), name.size());
  TRYV(Done(::ioctl(socket.get(), SIOCGIFFLAGS, &request), Cat("flags of ", name)));
  request.ifr_flags |= IFF_UP;
  return Done(::ioctl(socket.get(), SIOCSIFFLAGS, &request), Cat("set up ", name));
}

}  // namespace cradle::sys
