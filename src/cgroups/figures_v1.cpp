// Figures of a v1 group; pressure comes from the v2 tree beside it.
#include <algorithm>

#include "cgroups/figures_parse.h"

namespace cradle::cgroups {
namespace {

constexpr KeyedField<MemoryFigures> kMemory[] = {
    {"hierarchical_memory_limit", &MemoryFigures::limit},
    {"total_swap", &MemoryFigures::swap_usage},
    {"total_rss", &MemoryFigures::anon},
    {"total_rss_huge", &MemoryFigures::anon_huge},
    {"total_cache", &MemoryFigures::file},
    {"total_shmem", &MemoryFigures::shmem},
    {"total_mapped_file", &MemoryFigures::mapped},
    {"total_dirty", &MemoryFigures::dirty},
    {"total_writeback", &MemoryFigures::writeback},
    {"total_active_anon", &MemoryFigures::active_anon},
    {"total_inactive_anon", &MemoryFigures::inactive_anon},
    {"total_active_file", &MemoryFigures::active_file},
    {"total_inactive_file", &MemoryFigures::inactive_file},
    {"total_unevictable", &MemoryFigures::unevictable},
    {"total_pgfault", &MemoryFigures::faults},
    {"total_pgmajfault", &MemoryFigures::major_faults},
};

class FiguresV1 final : public Figures {
 public:
  FiguresV1(FigurePlaces places, KeptFiles& files) : Figures(std::move(places), files) {}

  CpuFigures ReadCpu() const override {
    CpuFigures out;
    out.user_us = Number("cpuacct", "cpuacct.usage_user") / 1000;
    out.system_us = Number("cpuacct", "cpuacct.usage_sys") / 1000;
    out.throttled_us = KeyedValue(Text("cpu", "cpu.stat"), "throttled_time") / 1000;
    return out;
  }

  uint64_t ReadQuota() const override {
    uint64_t millis = kUnlimited;
    ForEachUp("cpu", "cpu.cfs_quota_us", [&](const std::string& directory, std::string_view text) {
      auto quota = ParseNumber(text);  // -1: none
      uint64_t period = quota ? ParseNumber(files().Text(directory + "/cpu.cfs_period_us")).value_or(0) : 0;
      if (period) millis = std::min(millis, *quota * 1000 / period);
    });
    return millis;
  }

  std::string ReadCpus() const override {
    std::string effective = Text("cpuset", "cpuset.effective_cpus");
    return effective.empty() ? Text("cpuset", "cpuset.cpus") : effective;
  }

  MemoryFigures ReadMemory() const override {
    MemoryFigures out;
    std::string text = Text("memory", "memory.stat");
    ParseKeyed(text, kMemory, out);
    out.usage = Number("memory", "memory.usage_in_bytes");
    // Memory and swap together. Without it swap isn't accounted for: then nothing is known of it.
    uint64_t both = KeyedValue(text, "hierarchical_memsw_limit");
    out.swap_limit = both >= kNoLimit ? kUnlimited : both > out.limit ? both - out.limit : 0;
    if (out.limit >= kNoLimit) out.limit = kUnlimited;
    return out;
  }

  uint64_t ReadOomKills() const override { return KeyedValue(Text("memory", "memory.oom_control"), "oom_kill"); }

  std::vector<DiskFigures> ReadDisks() const override {
    std::vector<DiskFigures> disks;
    Add(Text("blkio", "blkio.throttle.io_service_bytes_recursive"), disks, &DiskFigures::read_bytes,
        &DiskFigures::written_bytes, &DiskFigures::discarded_bytes);
    Add(Text("blkio", "blkio.throttle.io_serviced_recursive"), disks, &DiskFigures::reads, &DiskFigures::writes,
        &DiskFigures::discards);
    return disks;
  }

  uint64_t ReadPids() const override { return Number("pids", "pids.current"); }

 private:
  using Member = uint64_t DiskFigures::*;
  // "8:0 Read 4096" lines.
  static void Add(std::string_view text, std::vector<DiskFigures>& disks, Member read, Member write, Member discard) {
    for (std::string_view line : Split(text, '\n')) {
      std::vector<std::string_view> words = Split(line, ' ');
      if (words.size() != 3) continue;
      Member member = words[1] == "Read" ? read : words[1] == "Write" ? write : words[1] == "Discard" ? discard : nullptr;
      if (!member) continue;
      if (DiskFigures* disk = FindDisk(words[0], disks)) disk->*member = ParseNumber(words[2]).value_or(0);
    }
  }
};

}  // namespace

std::unique_ptr<Figures> OpenFiguresV1(FigurePlaces places, KeptFiles& files) {
  return std::make_unique<FiguresV1>(std::move(places), files);
}

}  // namespace cradle::cgroups
