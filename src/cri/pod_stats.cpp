// Statistics and metrics of pods. Read in the pool, from the kernel's files; what needs a walk comes from memory.
#include <unordered_map>

#include "base/clock.h"
#include "base/map_together.h"
#include "cri/call.h"
#include "cri/describe.h"
#include "cri/describe_stats.h"
#include "cri/find.h"
#include "cri/list_stream.h"
#include "cri/metrics.h"
#include "cri/read_stats.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using sandbox::PodPtr;

// The running ones, by pod.
class Running {
 public:
  explicit Running(const sandbox::Runtime& runtime) {
    for (auto& container : runtime.ListContainers())
      if (container->state == sandbox::State::kRunning) of_[container->record->pod.str()].push_back(std::move(container));
  }
  const std::vector<sandbox::ContainerPtr>& In(const sandbox::PodView& pod) const {
    static const std::vector<sandbox::ContainerPtr> kNone;
    auto found = of_.find(pod.record.id.str());
    return found == of_.end() ? kNone : found->second;
  }

 private:
  std::unordered_map<std::string, std::vector<sandbox::ContainerPtr>> of_;
};

// Of a pod that isn't ready: who it was, and no figures.
Result<pb::PodSandboxStats> ReadPod(sandbox::Runtime& runtime, CpuRates& rates, const sandbox::PodView& pod,
                                    const Running& running) {
  pb::PodSandboxStats out;
  *out.mutable_attributes() = DescribeAttributes(pod);
  pb::LinuxPodSandboxStats* linux_part = out.mutable_linux();
  if (!pod.ready) return out;
  // The pod after its containers: then none of its sums is less than a part of it.
  for (auto& one : ReadAll(runtime, rates, running.In(pod))) *linux_part->add_containers() = std::move(one);
  cgroups::Stats stats = TRY(runtime.ReadPodStats(pod));
  *linux_part->mutable_cpu() = DescribeCpu(stats, rates.Update(pod.record.id.str(), stats));
  *linux_part->mutable_memory() = DescribeMemory(stats);
  *linux_part->mutable_io() = DescribeIo(stats);
  // A network without a default interface would end the kubelet: it takes that one for granted.
  if (auto interfaces = runtime.ReadNetwork(pod); !interfaces.empty())
    *linux_part->mutable_network() = DescribeNetwork(interfaces, stats.wall_nanos);
  linux_part->mutable_process()->set_timestamp(stats.wall_nanos);
  linux_part->mutable_process()->mutable_process_count()->set_value(
      TRY(runtime.CountProcesses(pod.record.cgroup_parent)));
  return out;
}

// Of the ready ones; one that ends meanwhile is left out.
std::vector<pb::PodSandboxStats> ReadPods(sandbox::Runtime& runtime, CpuRates& rates,
                                          const std::vector<PodPtr>& pods) {
  const Running running(runtime);
  auto stats = MapTogether(runtime.pool(), pods.size(), [&](size_t i) -> std::optional<pb::PodSandboxStats> {
    if (!pods[i]->ready) return std::nullopt;
    auto one = ReadPod(runtime, rates, *pods[i], running);
    return one.ok() ? std::optional(std::move(*one)) : std::nullopt;
  });
  std::vector<pb::PodSandboxStats> out;
  for (auto& one : stats)
    if (one) out.push_back(std::move(*one));
  ForgetGone(runtime, rates);
  return out;
}

std::vector<PodPtr> Select(const sandbox::Runtime& runtime, const pb::PodSandboxStatsFilter& filter) {
  pb::PodSandboxFilter pods;
  pods.set_id(filter.id());
  *pods.mutable_label_selector() = filter.label_selector();
  return SelectPods(runtime, pods);
}

Result<ContainerReading> ReadForMetrics(const sandbox::Runtime& runtime, const sandbox::ContainerPtr& container) {
  ContainerReading out;
  out.container = container;
  out.stats = TRY(runtime.ReadStats(*container));
  out.counters = TRY(runtime.ReadCounters(*container));
  out.processes = TRY(runtime.CountProcesses(container->record->cgroup));
  out.open = runtime.CountOpen(*container);
  out.layer = runtime.WritableLayer(*container);
  return out;
}

std::vector<pb::PodSandboxMetrics> ReadMetrics(sandbox::Runtime& runtime) {
  auto pods = runtime.ListPods();
  std::erase_if(pods, [](const PodPtr& pod) { return !pod->ready; });
  const Running running(runtime);
  auto filesystem = runtime.LayerFilesystem();
  return MapTogether(runtime.pool(), pods.size(), [&](size_t i) {
    PodReading reading;
    reading.pod = pods[i];
    reading.wall_nanos = WallNanos();
    reading.interfaces = runtime.ReadNetwork(*pods[i]);
    if (filesystem.ok()) reading.filesystem = *filesystem;
    for (const auto& container : running.In(*pods[i]))
      if (auto one = ReadForMetrics(runtime, container); one.ok()) reading.containers.push_back(std::move(*one));
    return MetricsOf(reading);
  });
}

// Reads in the pool, then answers with the list.
template <class Page, class Read, class Add>
grpc::ServerWriteReactor<Page>* StreamRead(ThreadPool& pool, Read collect, Add add) {
  auto* stream = new ListStream<Page>();
  pool.Post([stream, collect, add] { stream->Send(NextOf<Page>(collect(), add)); });
  return stream;
}

}  // namespace

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

Reactor* RuntimeService::PodSandboxStats(Context* context, const pb::PodSandboxStatsRequest* request,
                                         pb::PodSandboxStatsResponse* response) {
  auto pod = FindPod(runtime_, request->pod_sandbox_id());
  if (!pod.ok()) return Answer(context, pod.error());
  auto call = Call::Begin("PodSandboxStats", log::Level::kDebug);
  runtime_.pool().Post([&runtime = runtime_, rates = rates_, call, response, pod = *pod] {
    call->Complete(ReadPod(runtime, *rates, *pod, Running(runtime)),
                   [&](pb::PodSandboxStats& stats) { *response->mutable_stats() = std::move(stats); });
  });
  return call.get();
}

Reactor* RuntimeService::ListPodSandboxStats(Context*, const pb::ListPodSandboxStatsRequest* request,
                                             pb::ListPodSandboxStatsResponse* response) {
  auto call = Call::Begin("ListPodSandboxStats", log::Level::kDebug);
  auto pods = Select(runtime_, request->filter());
  runtime_.pool().Post([&runtime = runtime_, rates = rates_, call, response, pods = std::move(pods)] {
    Result<std::vector<pb::PodSandboxStats>> list = ReadPods(runtime, *rates, pods);
    call->Complete(std::move(list), [&](std::vector<pb::PodSandboxStats>& all) {
      for (auto& stats : all) *response->add_stats() = std::move(stats);
    });
  });
  return call.get();
}

grpc::ServerWriteReactor<pb::StreamPodSandboxStatsResponse>* RuntimeService::StreamPodSandboxStats(
    Context*, const pb::StreamPodSandboxStatsRequest* request) {
  using Page = pb::StreamPodSandboxStatsResponse;
  auto add = [](const pb::PodSandboxStats& stats, Page& page) {
    return (*page.add_pod_sandbox_stats() = stats).ByteSizeLong();
  };
  auto pods = Select(runtime_, request->filter());
  return StreamRead<Page>(
      runtime_.pool(), [&runtime = runtime_, rates = rates_, pods] { return ReadPods(runtime, *rates, pods); }, add);
}

Reactor* RuntimeService::ListMetricDescriptors(Context* context, const pb::ListMetricDescriptorsRequest*,
                                               pb::ListMetricDescriptorsResponse* response) {
  for (auto& descriptor : MetricDescriptors()) *response->add_descriptors() = std::move(descriptor);
  return Answer(context);
}

Reactor* RuntimeService::ListPodSandboxMetrics(Context*, const pb::ListPodSandboxMetricsRequest*,
                                               pb::ListPodSandboxMetricsResponse* response) {
  auto call = Call::Begin("ListPodSandboxMetrics", log::Level::kDebug);
  runtime_.pool().Post([&runtime = runtime_, call, response] {
    Result<std::vector<pb::PodSandboxMetrics>> list = ReadMetrics(runtime);
    call->Complete(std::move(list), [&](std::vector<pb::PodSandboxMetrics>& all) {
      for (auto& metrics : all) *response->add_pod_metrics() = std::move(metrics);
    });
  });
  return call.get();
}

grpc::ServerWriteReactor<pb::StreamPodSandboxMetricsResponse>* RuntimeService::StreamPodSandboxMetrics(
    Context*, const pb::StreamPodSandboxMetricsRequest*) {
  using Page = pb::StreamPodSandboxMetricsResponse;
  auto add = [](const pb::PodSandboxMetrics& metrics, Page& page) {
    return (*page.add_pod_sandbox_metrics() = metrics).ByteSizeLong();
  };
  return StreamRead<Page>(runtime_.pool(), [&runtime = runtime_] { return ReadMetrics(runtime); }, add);
}

}  // namespace cradle::cri
