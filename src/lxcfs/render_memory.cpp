// meminfo, swaps, vmstat.
#include <algorithm>

#include "lxcfs/render.h"
#include "lxcfs/text.h"

namespace cradle::lxcfs {
namespace {

using cgroups::MemoryFigures;

constexpr uint64_t kPage = 4096;

// "Key:   123 kB" of meminfo, in bytes.
uint64_t HostBytes(std::string_view meminfo, std::string_view key) {
  std::string_view line;
  while (NextLine(meminfo, line))
    if (line.starts_with(key) && line.substr(key.size()).starts_with(':'))
      return LeadingNumber(line.substr(key.size() + 1)) * 1024;
  return 0;
}

uint64_t Less(uint64_t from, uint64_t what) { return from > what ? from - what : 0; }

// What follows from the figures and the host's size.
struct Memory {
  uint64_t total, free, available;
  uint64_t swap_total, swap_free;
  uint64_t slab;

  Memory(std::string_view host_meminfo, const MemoryFigures& figures) {
    total = std::min(HostBytes(host_meminfo, "MemTotal"), figures.limit);
    free = Less(total, figures.usage);
    // As the kubelet's working set: what can be had without hurting anybody.
    uint64_t working = Less(figures.usage, figures.inactive_file + figures.slab_reclaimable);
    available = std::max(free, Less(total, working));
    swap_total = std::min(HostBytes(host_meminfo, "SwapTotal"), figures.swap_limit);
    swap_total = std::max(swap_total, figures.swap_usage);
    swap_free = swap_total - figures.swap_usage;
    slab = figures.slab_reclaimable + figures.slab_unreclaimable;
  }
};

struct Entry {
  std::string_view key;
  uint64_t value;
};

template <size_t N>
uint64_t Find(const Entry (&entries)[N], std::string_view key) {
  for (const Entry& entry : entries)
    if (entry.key.size() == key.size() && entry.key == key) return entry.value;
  return 0;
}

// Properties of the machine, not counts of what somebody uses.
bool IsConstant(std::string_view key) { return key == "Hugepagesize" || key == "VmallocTotal"; }

}  // namespace

std::string RenderMeminfo(std::string_view host, const MemoryFigures& f) {
  Memory memory(host, f);
  const Entry entries[] = {
      {"MemTotal", memory.total},
      {"MemFree", memory.free},
      {"MemAvailable", memory.available},
      {"Cached", f.file},
      {"SwapCached", f.swap_cached},
      {"Active", f.active_anon + f.active_file},
      {"Inactive", f.inactive_anon + f.inactive_file},
      {"Active(anon)", f.active_anon},
      {"Inactive(anon)", f.inactive_anon},
      {"Active(file)", f.active_file},
      {"Inactive(file)", f.inactive_file},
      {"Unevictable", f.unevictable},
      {"Mlocked", f.unevictable},
      {"SwapTotal", memory.swap_total},
      {"SwapFree", memory.swap_free},
      {"Zswap", f.zswap},
      {"Zswapped", f.zswapped},
      {"Dirty", f.dirty},
      {"Writeback", f.writeback},
      {"AnonPages", f.anon},
      {"Mapped", f.mapped},
      {"Shmem", f.shmem},
      {"KReclaimable", f.slab_reclaimable},
      {"Slab", memory.slab},
      {"SReclaimable", f.slab_reclaimable},
      {"SUnreclaim", f.slab_unreclaimable},
      {"KernelStack", f.kernel_stack},
      {"PageTables", f.page_tables},
      {"SecPageTables", f.secondary_page_tables},
      {"CommitLimit", memory.total + memory.swap_total},
      {"Committed_AS", f.anon + f.shmem + f.swap_usage},
      {"Percpu", f.percpu},
      {"AnonHugePages", f.anon_huge},
      {"ShmemHugePages", f.shmem_huge},
      {"FileHugePages", f.file_huge},
  };
  std::string out;
  out.reserve(host.size());
  for (std::string_view line; NextLine(host, line);) {
    size_t colon = line.find(':');
    if (colon == line.npos) continue;
    std::string_view key = line.substr(0, colon);
    if (IsConstant(key)) {
      out.append(line).append("\n");
      continue;
    }
    bool bytes = line.ends_with(" kB");  // HugePages_* are counts
    out.append(key).append(":");
    // As the kernel aligns it: numbers end in column 24.
    size_t width = key.size() + 1 < 24 ? 24 - key.size() - 1 : 1;
    AppendPadded(bytes ? Find(entries, key) / 1024 : 0, std::max<size_t>(width, 8), out);
    out += bytes ? " kB\n" : "\n";
  }
  return out;
}

std::string RenderSwaps(std::string_view host_meminfo, const MemoryFigures& figures) {
  Memory memory(host_meminfo, figures);
  std::string out = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
  if (memory.swap_total == 0) return out;
  out += "none" + std::string(36, ' ') + "virtual\t\t";
  AppendNumber(memory.swap_total / 1024, out);
  out += "\t";
  AppendNumber(figures.swap_usage / 1024, out);
  out += "\t0\n";
  return out;
}

std::string RenderVmstat(std::string_view host, std::string_view host_meminfo, const MemoryFigures& f,
                         uint64_t oom_kills, const std::vector<cgroups::DiskFigures>& disks) {
  Memory memory(host_meminfo, f);
  uint64_t in = 0, out_bytes = 0;
  for (const cgroups::DiskFigures& disk : disks) in += disk.read_bytes, out_bytes += disk.written_bytes;
  const Entry entries[] = {
      {"nr_free_pages", memory.free / kPage},
      {"nr_inactive_anon", f.inactive_anon / kPage},
      {"nr_active_anon", f.active_anon / kPage},
      {"nr_inactive_file", f.inactive_file / kPage},
      {"nr_active_file", f.active_file / kPage},
      {"nr_unevictable", f.unevictable / kPage},
      {"nr_mlock", f.unevictable / kPage},
      {"nr_anon_pages", f.anon / kPage},
      {"nr_mapped", f.mapped / kPage},
      {"nr_file_pages", f.file / kPage},
      {"nr_dirty", f.dirty / kPage},
      {"nr_writeback", f.writeback / kPage},
      {"nr_shmem", f.shmem / kPage},
      {"nr_slab_reclaimable", f.slab_reclaimable / kPage},
      {"nr_slab_unreclaimable", f.slab_unreclaimable / kPage},
      {"nr_kernel_stack", f.kernel_stack / 1024},  // in KiB, alone of all
      {"nr_page_table_pages", f.page_tables / kPage},
      {"nr_swapcached", f.swap_cached / kPage},
      {"pgpgin", in / 1024},  // KiB
      {"pgpgout", out_bytes / 1024},
      {"pgfault", f.faults},
      {"pgmajfault", f.major_faults},
      {"oom_kill", oom_kills},
  };
  std::string out;
  out.reserve(host.size());
  for (std::string_view line; NextLine(host, line);) {
    std::string_view key = NextWord(line);
    if (key.empty()) continue;
    out.append(key).append(" ");
    AppendNumber(Find(entries, key), out);
    out += '\n';
  }
  return out;
}

}  // namespace cradle::lxcfs
