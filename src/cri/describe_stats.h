// Figures, as the CRI's messages. Pure.
#pragma once

#include <optional>
#include <vector>

#include "cri/api.pb.h"
#include "sandbox/readings.h"
#include "sandbox/runtime.h"

namespace cradle::cri {

// `nano_cores`: unset when there is no rate yet.
runtime::v1::CpuUsage DescribeCpu(const cgroups::Stats& stats, std::optional<uint64_t> nano_cores);
runtime::v1::MemoryUsage DescribeMemory(const cgroups::Stats& stats);
runtime::v1::SwapUsage DescribeSwap(const cgroups::Stats& stats);
runtime::v1::IoUsage DescribeIo(const cgroups::Stats& stats);
runtime::v1::FilesystemUsage DescribeLayer(const sandbox::Runtime::LayerUsage& usage);
// The one that plugins make for the default route is "eth0"; without it, the first.
runtime::v1::NetworkUsage DescribeNetwork(const std::vector<sandbox::Interface>& interfaces, int64_t wall_nanos);

}  // namespace cradle::cri
