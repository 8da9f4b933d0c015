// The CRI's two services, by gRPC's callback API: no handler blocks. Queries are answered from
// memory on the spot; what takes time goes to the runtime and is answered from its callback,
// blocking work to the runtime's pool. RPCs that aren't here answer UNIMPLEMENTED. The methods are
// spread over files by family: run_pod.cpp, run_container.cpp, update.cpp, queries.cpp, exec_sync.cpp,
// streams.cpp, stats.cpp, pod_stats.cpp, event_stream.cpp, node.cpp, images.cpp.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "cri/api.grpc.pb.h"
#include "cri/backend.h"
#include "cri/cpu_rates.h"

namespace cradle::cri {

#define CRADLE_UNARY(RPC)                                                 \
  grpc::ServerUnaryReactor* RPC(grpc::CallbackServerContext* context,     \
                                const runtime::v1::RPC##Request* request, \
                                runtime::v1::RPC##Response* response) override

#define CRADLE_STREAM(RPC)                                       \
  grpc::ServerWriteReactor<runtime::v1::RPC##Response>* RPC(     \
      grpc::CallbackServerContext* context, const runtime::v1::RPC##Request* request) override

class RuntimeService final : public runtime::v1::RuntimeService::CallbackService {
 public:
  explicit RuntimeService(Backend& backend) : backend_(backend), runtime_(backend.runtime) {}

  CRADLE_UNARY(Version);
  CRADLE_UNARY(Status);
  CRADLE_UNARY(RuntimeConfig);
  CRADLE_UNARY(UpdateRuntimeConfig);

  CRADLE_UNARY(RunPodSandbox);
  CRADLE_UNARY(StopPodSandbox);
  CRADLE_UNARY(RemovePodSandbox);
  CRADLE_UNARY(ListPodSandbox);
  CRADLE_UNARY(PodSandboxStatus);

  CRADLE_UNARY(CreateContainer);
  CRADLE_UNARY(StartContainer);
  CRADLE_UNARY(StopContainer);
  CRADLE_UNARY(RemoveContainer);
  CRADLE_UNARY(UpdateContainerResources);
  CRADLE_UNARY(UpdatePodSandboxResources);
  CRADLE_UNARY(ReopenContainerLog);
  CRADLE_UNARY(ListContainers);
  CRADLE_UNARY(ContainerStatus);
  CRADLE_UNARY(ExecSync);
  CRADLE_UNARY(ContainerStats);
  CRADLE_UNARY(ListContainerStats);
  CRADLE_UNARY(PodSandboxStats);
  CRADLE_UNARY(ListPodSandboxStats);
  CRADLE_UNARY(ListMetricDescriptors);
  CRADLE_UNARY(ListPodSandboxMetrics);

  CRADLE_UNARY(Exec);
  CRADLE_UNARY(Attach);
  CRADLE_UNARY(PortForward);
  CRADLE_UNARY(CheckpointContainer);
  CRADLE_UNARY(CheckpointPod);
  CRADLE_UNARY(RestorePod);

  grpc::ServerWriteReactor<runtime::v1::ContainerEventResponse>* GetContainerEvents(
      grpc::CallbackServerContext* context, const runtime::v1::GetEventsRequest* request) override;
  CRADLE_STREAM(StreamPodSandboxes);
  CRADLE_STREAM(StreamContainers);
  CRADLE_STREAM(StreamContainerStats);
  CRADLE_STREAM(StreamPodSandboxStats);
  CRADLE_STREAM(StreamPodSandboxMetrics);

 private:
  Backend& backend_;
  sandbox::Runtime& runtime_;
  // Shared: a reading in the pool may outlive the server.
  std::shared_ptr<CpuRates> rates_ = std::make_shared<CpuRates>();
};

class ImageService final : public runtime::v1::ImageService::CallbackService {
 public:
  explicit ImageService(Backend& backend)
      : node_(backend.node), images_(backend.images), pool_(backend.runtime.pool()) {}

  CRADLE_UNARY(ListImages);
  CRADLE_STREAM(StreamImages);
  CRADLE_UNARY(ImageStatus);
  CRADLE_UNARY(PullImage);
  CRADLE_UNARY(RemoveImage);
  CRADLE_UNARY(ImageFsInfo);

 private:
  const NodeInfo& node_;
  image::ImageStore& images_;
  ThreadPool& pool_;
};

#undef CRADLE_UNARY
#undef CRADLE_STREAM

}  // namespace cradle::cri
