// Metrics of pods for the kubelet's /metrics/cadvisor, named and labelled as cAdvisor does: dashboards and alerts know
// these names. A row of one table is a metric's descriptor and where its samples come from. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "cri/api.pb.h"
#include "sandbox/readings.h"
#include "sandbox/runtime.h"

namespace cradle::cri {

// What was read of one container.
struct ContainerReading {
  sandbox::ContainerPtr container;
  cgroups::Stats stats;
  cgroups::Counters counters;
  uint64_t processes = 0;
  sandbox::OpenFiles open;
  sandbox::Runtime::LayerUsage layer;
};

// And of its pod.
struct PodReading {
  sandbox::PodPtr pod;
  int64_t wall_nanos = 0;
  std::vector<sandbox::Interface> interfaces;
  sandbox::Filesystem filesystem;
  std::vector<ContainerReading> containers;  // the running ones
};

std::vector<runtime::v1::MetricDescriptor> MetricDescriptors();
runtime::v1::PodSandboxMetrics MetricsOf(const PodReading& pod);

}  // namespace cradle::cri
