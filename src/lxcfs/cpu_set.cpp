#include "lxcfs/cpu_set.h"

#include <algorithm>

#include "lxcfs/text.h"

namespace cradle::lxcfs {

CpuSet CpuSet::Parse(std::string_view text) {
  std::bitset<kMost> bits;
  while (!text.empty()) {
    std::string_view range = text.substr(0, text.find(','));
    text.remove_prefix(std::min(range.size() + 1, text.size()));
    if (range.empty() || range[0] < '0' || range[0] > '9') continue;
    size_t dash = range.find('-');
    uint64_t first = LeadingNumber(range);
    uint64_t last = dash == range.npos ? first : LeadingNumber(range.substr(dash + 1));
    for (uint64_t cpu = first; cpu <= last && cpu < kMost; ++cpu) bits.set(cpu);
  }
  return CpuSet(bits);
}

std::string CpuSet::Format() const {
  std::string out;
  size_t left = count();
  for (size_t cpu = 0; left > 0; ++cpu) {
    if (!bits_[cpu]) continue;
    size_t last = cpu;
    while (last + 1 < kMost && bits_[last + 1]) ++last;
    left -= last - cpu + 1;
    if (!out.empty()) out += ',';
    AppendNumber(cpu, out);
    if (last > cpu) out += '-';
    if (last > cpu) AppendNumber(last, out);
    cpu = last;
  }
  return out;
}

CpuSet CpuSet::First(size_t count) const {
  std::bitset<kMost> bits;
  for (size_t cpu = 0; cpu < kMost && count > 0; ++cpu)
    if (bits_[cpu]) {
      bits.set(cpu);
      --count;
    }
  return CpuSet(bits);
}

CpuSet VisibleCpus(const CpuSet& host, const CpuSet& allowed, uint64_t quota_millis) {
  CpuSet both = host.And(allowed);
  const CpuSet& usable = both.empty() ? host : both;
  uint64_t quota = quota_millis / 1000 + (quota_millis % 1000 != 0);
  return usable.First(std::clamp<uint64_t>(quota, 1, usable.count() ? usable.count() : 1));
}

}  // namespace cradle::lxcfs
