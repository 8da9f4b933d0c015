// CpuSet: processor numbers, as the kernel lists them ("0-3,7").
#pragma once

#include <bitset>
#include <string>
#include <string_view>

namespace cradle::lxcfs {

class CpuSet {
 public:
  static constexpr size_t kMost = 8192;  // CONFIG_NR_CPUS is at most this

  // What can't be read as a number, or is too high, is left out.
  static CpuSet Parse(std::string_view text);
  std::string Format() const;  // without a newline

  bool Has(size_t cpu) const { return cpu < kMost && bits_[cpu]; }
  size_t count() const { return bits_.count(); }
  bool empty() const { return bits_.none(); }
  CpuSet And(const CpuSet& other) const { return CpuSet(bits_ & other.bits_); }
  // The lowest `count` of them.
  CpuSet First(size_t count) const;

 private:
  explicit CpuSet(const std::bitset<kMost>& bits) : bits_(bits) {}
  std::bitset<kMost> bits_;
};

// The processors that a container is shown: those of the host that its cpuset allows, and of them no more than its quota
// (thousandths of a processor) fills. They keep their numbers, so that they fit sched_getaffinity(2) and sysfs. Never
// none.
CpuSet VisibleCpus(const CpuSet& host, const CpuSet& allowed, uint64_t quota_millis);

}  // namespace cradle::lxcfs
