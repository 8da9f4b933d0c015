#include "lxcfs/view.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "lxcfs/render.h"

namespace cradle::lxcfs {
namespace {

constexpr uint64_t kSecond = 1'000'000;

// The host's age, in microseconds; suspends count.
uint64_t BootMicros() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

View::View(std::unique_ptr<cgroups::Figures> figures, cgroups::KeptFiles& files)
    : files_(files), figures_(std::move(figures)), began_(BootMicros()) {}

// The host's own file.
std::string View::Host(File file) const {
  const FileName& name = kFiles[static_cast<size_t>(file)];
  return files_.List(Cat(name.mount, "/", name.path));
}

uint64_t View::Age() const { return BootMicros() - began_; }

CpuSet View::Cpus() const {
  return VisibleCpus(CpuSet::Parse(Host(File::kCpuOnline)), CpuSet::Parse(figures_->ReadCpus()), figures_->ReadQuota());
}

CpuClock::Times View::Times(const CpuSet& cpus, const cgroups::CpuFigures& cpu) {
  return cpu_clock_.Look(Age(), cpus.count(), cpu.user_us, cpu.system_us, cpu.throttled_us);
}

const LoadClock::Averages& View::Load(const cgroups::CpuFigures& cpu) {
  uint64_t waited = PressureTotal(figures_->ReadPressure("cpu")) + PressureTotal(figures_->ReadPressure("io"));
  return load_clock_.Look(Age(), cpu.user_us + cpu.system_us + waited);
}

std::string View::RenderTimes() {
  const cgroups::CpuFigures cpu = figures_->ReadCpu();
  const CpuSet cpus = Cpus();
  uint64_t tasks = figures_->ReadPids();
  auto running = std::min(static_cast<uint64_t>(std::ceil(Load(cpu).current)), tasks);
  return RenderStat(Host(File::kStat), cpus, Times(cpus, cpu), began_ / kSecond, tasks, running);
}

std::string View::Render(File file) {
  switch (file) {
    case File::kMeminfo: return RenderMeminfo(Host(file), figures_->ReadMemory());
    case File::kSwaps: return RenderSwaps(Host(File::kMeminfo), figures_->ReadMemory());
    case File::kDiskstats: return RenderDiskstats(Host(file), figures_->ReadDisks());
    case File::kVmstat:
      return RenderVmstat(Host(file), Host(File::kMeminfo), figures_->ReadMemory(), figures_->ReadOomKills(),
                          figures_->ReadDisks());
    case File::kPressureCpu: return RenderPressure(Host(file), figures_->ReadPressure("cpu"));
    case File::kPressureIo: return RenderPressure(Host(file), figures_->ReadPressure("io"));
    case File::kPressureIrq: return RenderPressure(Host(file), figures_->ReadPressure("irq"));
    case File::kPressureMemory: return RenderPressure(Host(file), figures_->ReadPressure("memory"));
    case File::kCpuinfo: return RenderCpuinfo(Host(file), Cpus());
    case File::kStat: return RenderTimes();
    case File::kUptime: return RenderUptime(Age(), Times(Cpus(), figures_->ReadCpu()).idle);
    case File::kLoadavg: return RenderLoadavg(Load(figures_->ReadCpu()), figures_->ReadPids());
    case File::kCpuOnline:
    case File::kCpuPresent:
    case File::kCpuPossible: break;
  }
  return RenderCpuList(Cpus());
}

}  // namespace cradle::lxcfs
