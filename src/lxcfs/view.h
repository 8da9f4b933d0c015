// View: one container as it is shown to itself. Reads the host's files and the group's at the moment of the call, and
// keeps what idle time and load need from call to call. Main thread of a shim; reads /proc, /sys and cgroupfs alone.
#pragma once

#include <memory>
#include <string>

#include "cgroups/figures.h"
#include "lxcfs/clocks.h"
#include "lxcfs/cpu_set.h"
#include "lxcfs/files.h"

namespace cradle::lxcfs {

class View {
 public:
  // The container begins now. `files`, for the host's, outlives it.
  View(std::unique_ptr<cgroups::Figures> figures, cgroups::KeptFiles& files);
  std::string Render(File file);

 private:
  CpuSet Cpus() const;
  CpuClock::Times Times(const CpuSet& cpus, const cgroups::CpuFigures& cpu);
  const LoadClock::Averages& Load(const cgroups::CpuFigures& cpu);
  std::string RenderTimes();
  uint64_t Age() const;
  std::string Host(File file) const;

  cgroups::KeptFiles& files_;
  const std::unique_ptr<cgroups::Figures> figures_;
  const uint64_t began_;  // CLOCK_BOOTTIME, microseconds
  CpuClock cpu_clock_;
  LoadClock load_clock_;
};

}  // namespace cradle::lxcfs
