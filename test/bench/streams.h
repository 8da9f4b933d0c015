// Streaming sessions: what one costs, and what goes through it.
#pragma once

#include "bench_node.h"

namespace cradle::bench {

void Streams(BenchNode& node, int rounds, int megabytes);

}  // namespace cradle::bench
