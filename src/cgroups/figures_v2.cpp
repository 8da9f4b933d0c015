// Figures of a v2 group.
#include <algorithm>

#include "cgroups/figures_parse.h"

namespace cradle::cgroups {
namespace {

constexpr KeyedField<MemoryFigures> kMemory[] = {
    {"anon", &MemoryFigures::anon},
    {"file", &MemoryFigures::file},
    {"shmem", &MemoryFigures::shmem},
    {"file_mapped", &MemoryFigures::mapped},
    {"file_dirty", &MemoryFigures::dirty},
    {"file_writeback", &MemoryFigures::writeback},
    {"swapcached", &MemoryFigures::swap_cached},
    {"anon_thp", &MemoryFigures::anon_huge},
    {"shmem_thp", &MemoryFigures::shmem_huge},
    {"file_thp", &MemoryFigures::file_huge},
    {"active_anon", &MemoryFigures::active_anon},
    {"inactive_anon", &MemoryFigures::inactive_anon},
    {"active_file", &MemoryFigures::active_file},
    {"inactive_file", &MemoryFigures::inactive_file},
    {"unevictable", &MemoryFigures::unevictable},
    {"slab_reclaimable", &MemoryFigures::slab_reclaimable},
    {"slab_unreclaimable", &MemoryFigures::slab_unreclaimable},
    {"kernel_stack", &MemoryFigures::kernel_stack},
    {"pagetables", &MemoryFigures::page_tables},
    {"sec_pagetables", &MemoryFigures::secondary_page_tables},
    {"percpu", &MemoryFigures::percpu},
    {"zswap", &MemoryFigures::zswap},
    {"zswapped", &MemoryFigures::zswapped},
    {"pgfault", &MemoryFigures::faults},
    {"pgmajfault", &MemoryFigures::major_faults},
};

class FiguresV2 final : public Figures {
 public:
  FiguresV2(FigurePlaces places, KeptFiles& files) : Figures(std::move(places), files) {}

  CpuFigures ReadCpu() const override {
    CpuFigures out;
    std::string text = Text(kTree, "cpu.stat");
    out.user_us = KeyedValue(text, "user_usec");
    out.system_us = KeyedValue(text, "system_usec");
    out.throttled_us = KeyedValue(text, "throttled_usec");
    return out;
  }

  uint64_t ReadQuota() const override {
    uint64_t millis = kUnlimited;
    ForEachUp(kTree, "cpu.max", [&](const std::string&, std::string_view line) {  // "max 100000"
      std::vector<std::string_view> words = Split(Trim(line), ' ');
      if (words.size() != 2) return;
      auto quota = ParseNumber(words[0]), period = ParseNumber(words[1]);
      if (quota && period && *period) millis = std::min(millis, *quota * 1000 / *period);
    });
    return millis;
  }

  // Where the controller isn't enabled the nearest group above says.
  std::string ReadCpus() const override {
    for (const char* file : {"cpuset.cpus.effective", "../cpuset.cpus.effective", "../../cpuset.cpus.effective",
                             "../../../cpuset.cpus.effective"})
      if (std::string text = Text(kTree, file); !text.empty()) return text;
    return {};
  }

  MemoryFigures ReadMemory() const override {
    MemoryFigures out;
    ParseKeyed(Text(kTree, "memory.stat"), kMemory, out);
    out.usage = Number(kTree, "memory.current");
    out.swap_usage = Number(kTree, "memory.swap.current");
    out.limit = Least("memory.max");
    out.swap_limit = Least("memory.swap.max");
    return out;
  }

  uint64_t ReadOomKills() const override { return KeyedValue(Text(kTree, "memory.events"), "oom_kill"); }

  // "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0"
  std::vector<DiskFigures> ReadDisks() const override {
    static constexpr KeyedField<DiskFigures> kFields[] = {
        {"rbytes", &DiskFigures::read_bytes},    {"rios", &DiskFigures::reads},
        {"wbytes", &DiskFigures::written_bytes}, {"wios", &DiskFigures::writes},
        {"dbytes", &DiskFigures::discarded_bytes}, {"dios", &DiskFigures::discards},
    };
    std::vector<DiskFigures> disks;
    std::string text = Text(kTree, "io.stat");
    for (std::string_view line : Split(text, '\n')) {
      std::vector<std::string_view> words = Split(line, ' ');
      if (words.size() < 2) continue;
      DiskFigures* disk = FindDisk(words[0], disks);
      if (!disk) continue;
      for (std::string_view word : words) {
        size_t equals = word.find('=');
        for (const auto& field : kFields)
          if (equals != word.npos && word.substr(0, equals) == field.key)
            disk->*field.member = ParseNumber(word.substr(equals + 1)).value_or(0);
      }
    }
    return disks;
  }

  uint64_t ReadPids() const override { return Number(kTree, "pids.current"); }

 private:
  static constexpr std::string_view kTree = "unified";

  // "max" is no number, so no limit.
  uint64_t Least(const char* file) const {
    uint64_t least = kUnlimited;
    ForEachUp(kTree, file, [&](const std::string&, std::string_view text) {
      least = std::min(least, ParseNumber(text).value_or(kUnlimited));
    });
    return least;
  }
};

}  // namespace

std::unique_ptr<Figures> OpenFiguresV2(FigurePlaces places, KeptFiles& files) {
  return std::make_unique<FiguresV2>(std::move(places), files);
}

}  // namespace cradle::cgroups
