#include "cri/server.h"

#include <absl/synchronization/mutex.h>
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "cri/call.h"
#include "cri/debug.h"
#include "cri/limits.h"
#include "cri/services.h"

namespace cradle::cri {
namespace {

constexpr size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr mode_t kSocketMode = 0660;

class GrpcServer final : public Server {
 public:
  GrpcServer(std::string path, Backend backend)
      : path_(std::move(path)),
        backend_(std::move(backend)),
        runtime_(backend_),
        images_(backend_),
        debug_(backend_) {}
  ~GrpcServer() override { Shutdown(Deadline::min()); }

  Result<> Listen();
  void Shutdown(Deadline deadline) override;

 private:
  const std::string path_;
  Backend backend_;
  RuntimeService runtime_;
  ImageService images_;
  DebugService debug_;
  std::unique_ptr<grpc::Server> server_;
};

// gRPC would replace any socket file, also one in use.
Result<> CheckFree(const std::string& path) {
  if (!path.starts_with('/')) return InvalidArgument("must be an absolute path");
  if (path.size() > kMaxSocketPath) return InvalidArgument("must be at most 107 bytes long");
  if (!sys::Exists(kCwd, path)) return {};
  if (!S_ISSOCK(TRY(sys::FstatAt(kCwd, path, AT_SYMLINK_NOFOLLOW)).st_mode)) {
    return Error(Code::kAlreadyExists, "there is a file that isn't a socket");
  }
  auto listener = sys::ConnectUnix(path, SOCK_STREAM);
  bool taken = listener.ok() || listener.error().err() == EAGAIN;
  if (taken) return Error(Code::kAlreadyExists, "another cradled listens on it");
  return {};
}

Result<> GrpcServer::Listen() {
  setenv("GRPC_ENABLE_FORK_SUPPORT", "0", 1);
  // Debian builds abseil with its search for deadlocks: each lock of gRPC's would look into one graph, which grows.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  TRYV(CheckFree(path_));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessage);
  builder.SetMaxSendMessageSize(kMaxMessage);
  builder.RegisterService(&runtime_);
  builder.RegisterService(&images_);
  builder.RegisterService(&debug_);
  builder.AddListeningPort("unix:" + path_, grpc::InsecureServerCredentials());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return Error(Code::kUnavailable, "gRPC can't listen there");
  return sys::FchmodAt(kCwd, path_, kSocketMode);
}

void GrpcServer::Shutdown(Deadline deadline) {
  if (server_ == nullptr) return;
  // gRPC's own drain also waits for every client to close its connection, which an idle one does late.
  (void)sys::UnlinkAt(kCwd, path_, 0);
  (void)Call::WaitForAll(deadline);
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(const std::string& socket_path, Backend backend) {
  auto server = std::make_unique<GrpcServer>(socket_path, std::move(backend));
  TRYV(server->Listen().With(Cat("listen on ", socket_path)));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace cradle::cri
