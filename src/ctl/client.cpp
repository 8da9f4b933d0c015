#include "ctl/client.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>

#include "base/sys/socket.h"

namespace cradle::ctl {
namespace {

constexpr int kMaxMessage = 16 << 20;

// gRPC's own words for these are of no use to anybody.
Result<> CheckListens(const std::string& path) {
  auto socket = sys::ConnectUnix(path, SOCK_STREAM);
  if (socket.ok() || socket.error().err() == EAGAIN) return {};
  switch (socket.error().err()) {
    case ENOENT:
      return NotFound(Cat("no socket at ", path,
                          ": is cradled running? Start it (systemctl start cradled), or name its "
                          "socket with --address or CRADLE_ADDRESS"));
    case ECONNREFUSED:
      return Error(Code::kUnavailable,
                   Cat("nobody listens at ", path,
                       ": cradled has ended; start it again (systemctl start cradled)"));
    case EACCES:
    case EPERM:
      return Error(Code::kPermissionDenied,
                   Cat("no right to connect to ", path, ": try again with sudo"));
    default:
      return std::move(socket.error()).With(Cat("connect to ", path));
  }
}

}  // namespace

Error ErrorFrom(const grpc::Status& status) {
  std::string text = status.error_message();
  if (text.empty()) text = Cat("gRPC error ", std::to_string(status.error_code()));
  return {static_cast<Code>(status.error_code()), std::move(text)};
}

Result<Client> Client::Connect(const std::string& address) {
  constexpr std::string_view kScheme = "unix:";
  std::string path = address;
  if (path.starts_with(kScheme)) path.erase(0, kScheme.size());
  path.erase(0, path.starts_with("//") ? 2 : 0);
  if (!path.starts_with('/')) {
    return InvalidArgument(
        Cat("address \"", address, "\": must be unix:///PATH or an absolute path"));
  }
  TRYV(CheckListens(path));
  setenv("GRPC_ENABLE_FORK_SUPPORT", "0", 1);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessage);
  arguments.SetMaxSendMessageSize(kMaxMessage);
  auto channel =
      grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(), arguments);
  Client client;
  client.runtime_ = pb::RuntimeService::NewStub(channel);
  client.images_ = pb::ImageService::NewStub(channel);
  client.debug_ = v1::Debug::NewStub(channel);
  return client;
}

}  // namespace cradle::ctl
