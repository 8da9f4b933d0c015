// Figures: what a container's cgroup says of it at this moment, for who tells the container about itself (src/lxcfs).
// One interface; v1 and v2 behind it, chosen by Open from the places that the daemon named. No figure is kept: each
// call reads the kernel's files. A file that isn't there counts as nothing used and no limit.
// Built without exceptions too; the thread of its KeptFiles; reads cgroupfs alone, which never sleeps on a disk.
//
// Source: kernel admin-guide/cgroup-v1/{memory,cpuacct,blkio}.rst, scheduler/sched-bwc.rst, cgroup-v2.rst.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cgroups/figure_places.h"
#include "cgroups/kept_files.h"

namespace cradle::cgroups {

inline constexpr uint64_t kUnlimited = UINT64_MAX;

struct CpuFigures {
  uint64_t user_us = 0, system_us = 0;
  uint64_t throttled_us = 0;  // summed over processors
};

// Bytes, where the name doesn't say otherwise. Limits: of the group and those above it.
struct MemoryFigures {
  uint64_t limit = kUnlimited, usage = 0;
  uint64_t swap_limit = kUnlimited, swap_usage = 0;
  uint64_t anon = 0, file = 0, shmem = 0, mapped = 0, dirty = 0, writeback = 0, swap_cached = 0;
  uint64_t anon_huge = 0, shmem_huge = 0, file_huge = 0;
  uint64_t active_anon = 0, inactive_anon = 0, active_file = 0, inactive_file = 0, unevictable = 0;
  uint64_t slab_reclaimable = 0, slab_unreclaimable = 0;
  uint64_t kernel_stack = 0, page_tables = 0, secondary_page_tables = 0, percpu = 0;
  uint64_t zswap = 0, zswapped = 0;
  uint64_t faults = 0, major_faults = 0;  // counts
};

struct DiskFigures {
  unsigned major = 0, minor = 0;
  uint64_t reads = 0, read_bytes = 0, writes = 0, written_bytes = 0, discards = 0, discarded_bytes = 0;
};

class Figures {
 public:
  // `files` outlives it.
  static std::unique_ptr<Figures> Open(FigurePlaces places, KeptFiles& files);
  virtual ~Figures() = default;

  virtual CpuFigures ReadCpu() const = 0;
  virtual uint64_t ReadQuota() const = 0;  // of the group and those above it: thousandths of a processor
  virtual std::string ReadCpus() const = 0;  // processors it may run on, "0-3,7"; empty: not known
  virtual MemoryFigures ReadMemory() const = 0;
  virtual uint64_t ReadOomKills() const = 0;
  virtual std::vector<DiskFigures> ReadDisks() const = 0;  // those it has used
  virtual uint64_t ReadPids() const = 0;
  // `resource`: "cpu", "io", "memory", "irq". The kernel's text; empty: not known (no v2 tree, or no PSI).
  std::string ReadPressure(const std::string& resource) const;

 protected:
  Figures(FigurePlaces places, KeptFiles& files) : places_(std::move(places)), files_(files) {}
  // Empty: there is no such place.
  const std::string& Dir(std::string_view controller) const;
  std::string Text(std::string_view controller, std::string_view file) const;
  uint64_t Number(std::string_view controller, std::string_view file) const;
  // Calls `take` with the group's text, then its parent's and so on, until there is no such file. `directory`: for a file
  // beside it.
  using Take = std::function<void(const std::string& directory, std::string_view text)>;
  void ForEachUp(std::string_view controller, std::string_view file, const Take& take) const;
  KeptFiles& files() const { return files_; }

 private:
  const FigurePlaces places_;
  KeptFiles& files_;
};

}  // namespace cradle::cgroups
