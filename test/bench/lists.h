// What a kubelet asks again and again, lists and statistics, at so many pods; and the memory that those take.
#pragma once

#include "bench_node.h"

namespace cradle::bench {

struct Crowd {
  int pods = 0, containers_each = 0;
};
void Lists(BenchNode& node, Crowd crowd, int rounds);

}  // namespace cradle::bench
