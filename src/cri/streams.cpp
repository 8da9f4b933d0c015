// Exec, Attach and PortForward: a URL, good once, whose client is handed to the pod's shim.
#include "cri/call.h"
#include "cri/check.h"
#include "cri/find.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using streaming::Grant;
using streaming::Kind;
using streaming::Streams;

constexpr int kMaxPorts = 100;  // each has two of a WebSocket's channels

Result<> CheckStreams(const Streams& streams) {
  if (streams.tty && streams.err)
    return InvalidArgument("stderr: must not be asked for with tty: a terminal has one output");
  if (!streams.in && !streams.out && !streams.err)
    return InvalidArgument("stdin, stdout, stderr: one of them must be asked for");
  return {};
}

template <class Request>
Streams StreamsOf(const Request& request) {
  return {request.stdin(), request.stdout(), request.stderr(), request.tty()};
}

Result<std::string> FindRunning(const sandbox::Runtime& runtime, const std::string& id) {
  auto container = TRY(FindContainer(runtime, id));
  if (container->state == sandbox::State::kRunning) return container->record->id.str();
  return FailedPrecondition(Cat("container_id: ", Quoted(id), ": the container is not running"));
}

// `command`: of an exec.
Grant GrantOf(sandbox::Runtime& runtime, Kind kind, Streams streams, std::string id,
              std::vector<std::string> command = {}) {
  auto hand_over = [&runtime, id = std::move(id), command = std::move(command)](
                       streaming::SessionPlan plan, FdRef socket) {
    return runtime.Stream(id, command, std::move(plan), socket);
  };
  return {kind, streams, {}, std::move(hand_over)};
}

Result<std::string> ExecUrl(Backend& backend, const pb::ExecRequest& request) {
  if (request.cmd().empty()) return Bad("cmd", "", "must not be empty");
  for (int i = 0; i < request.cmd_size(); ++i) TRYV(CheckNoNul(Indexed("cmd", i), request.cmd(i)));
  Streams streams = StreamsOf(request);
  TRYV(CheckStreams(streams));
  std::string id = TRY(FindRunning(backend.runtime, request.container_id()));
  return backend.streaming.Issue(GrantOf(backend.runtime, Kind::kExec, streams, std::move(id),
                                         {request.cmd().begin(), request.cmd().end()}));
}

Result<std::string> AttachUrl(Backend& backend, const pb::AttachRequest& request) {
  Streams streams = StreamsOf(request);
  TRYV(CheckStreams(streams));
  std::string id = TRY(FindRunning(backend.runtime, request.container_id()));
  return backend.streaming.Issue(GrantOf(backend.runtime, Kind::kAttach, streams, std::move(id)));
}

Result<std::string> PortForwardUrl(Backend& backend, const pb::PortForwardRequest& request) {
  if (request.port_size() > kMaxPorts) return Bad("port", request.port_size(), "are too many ports");
  for (int i = 0; i < request.port_size(); ++i)
    TRYV(CheckRange(Indexed("port", i), request.port(i), 1, 65535));
  auto pod = TRY(FindPod(backend.runtime, request.pod_sandbox_id()));
  if (!pod->ready)
    return FailedPrecondition(
        Cat("pod_sandbox_id: ", Quoted(request.pod_sandbox_id()), ": the pod is not ready"));
  Grant grant = GrantOf(backend.runtime, Kind::kPortForward, {}, pod->record.id.str());
  for (int32_t port : request.port()) grant.ports.push_back(static_cast<uint16_t>(port));
  return backend.streaming.Issue(std::move(grant));
}

template <class Response>
grpc::ServerUnaryReactor* Tell(grpc::CallbackServerContext* context, Result<std::string> url,
                               Response* response) {
  if (!url.ok()) return Answer(context, std::move(url.error()));
  response->set_url(*url);
  return Answer(context);
}

}  // namespace

grpc::ServerUnaryReactor* RuntimeService::Exec(grpc::CallbackServerContext* context,
                                               const pb::ExecRequest* request,
                                               pb::ExecResponse* response) {
  return Tell(context, ExecUrl(backend_, *request), response);
}

grpc::ServerUnaryReactor* RuntimeService::Attach(grpc::CallbackServerContext* context,
                                                 const pb::AttachRequest* request,
                                                 pb::AttachResponse* response) {
  return Tell(context, AttachUrl(backend_, *request), response);
}

grpc::ServerUnaryReactor* RuntimeService::PortForward(grpc::CallbackServerContext* context,
                                                      const pb::PortForwardRequest* request,
                                                      pb::PortForwardResponse* response) {
  return Tell(context, PortForwardUrl(backend_, *request), response);
}

}  // namespace cradle::cri
