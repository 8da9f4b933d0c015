// Statistics of containers, read from the kernel's files. Blocks for them: in the pool.
#pragma once

#include <vector>

#include "cri/api.pb.h"
#include "cri/cpu_rates.h"
#include "sandbox/runtime.h"

namespace cradle::cri {

// Of one that doesn't run: who it is, and its layer.
Result<runtime::v1::ContainerStats> ReadStats(const sandbox::Runtime& runtime, CpuRates& rates,
                                              const sandbox::ContainerView& container);
// Of the running ones, with the help of who is idle in the pool; one that ends meanwhile is left out.
std::vector<runtime::v1::ContainerStats> ReadAll(sandbox::Runtime& runtime, CpuRates& rates,
                                                 const std::vector<sandbox::ContainerPtr>& all);

// Rates of what has ended aren't kept.
void ForgetGone(const sandbox::Runtime& runtime, CpuRates& rates);

}  // namespace cradle::cri
