// The files that a container sees instead of the kernel's: what a view is called on its FUSE file system, and where in
// the container it goes. What isn't there on a host (no PSI, say) isn't made.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cradle::lxcfs {

enum class File : uint8_t {
  kMeminfo, kCpuinfo, kStat, kUptime, kLoadavg, kSwaps, kDiskstats, kVmstat,
  kPressureCpu, kPressureIo, kPressureIrq, kPressureMemory,
  kCpuOnline, kCpuPresent, kCpuPossible,
};

struct FileName {
  File file;
  const char* name;   // in the root of the file system
  const char* mount;  // where in the container: a kernel's file system,
  const char* path;   // and the path in it. The host's file of that path is what the view is made from.
};

inline constexpr FileName kFiles[] = {
    {File::kMeminfo, "meminfo", "/proc", "meminfo"},
    {File::kCpuinfo, "cpuinfo", "/proc", "cpuinfo"},
    {File::kStat, "stat", "/proc", "stat"},
    {File::kUptime, "uptime", "/proc", "uptime"},
    {File::kLoadavg, "loadavg", "/proc", "loadavg"},
    {File::kSwaps, "swaps", "/proc", "swaps"},
    {File::kDiskstats, "diskstats", "/proc", "diskstats"},
    {File::kVmstat, "vmstat", "/proc", "vmstat"},
    {File::kPressureCpu, "pressure-cpu", "/proc", "pressure/cpu"},
    {File::kPressureIo, "pressure-io", "/proc", "pressure/io"},
    {File::kPressureIrq, "pressure-irq", "/proc", "pressure/irq"},
    {File::kPressureMemory, "pressure-memory", "/proc", "pressure/memory"},
    {File::kCpuOnline, "cpu-online", "/sys", "devices/system/cpu/online"},
    {File::kCpuPresent, "cpu-present", "/sys", "devices/system/cpu/present"},
    {File::kCpuPossible, "cpu-possible", "/sys", "devices/system/cpu/possible"},
};
inline constexpr size_t kFileCount = sizeof kFiles / sizeof *kFiles;

}  // namespace cradle::lxcfs
