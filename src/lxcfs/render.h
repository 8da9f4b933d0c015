// Renderers: what a container reads, from the host's text of the same file and the container's figures. The host's text
// gives the shape (which lines this kernel has, in which order) and what is true for everybody (the size of a huge
// page); every count in it is replaced, by 0 where nothing is known of the container. Pure; golden tests.
//
// The figures may contradict each other (they are read one after another) and the limits may be below the usage:
// everything is clamped, nothing wraps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cgroups/figures.h"
#include "lxcfs/clocks.h"
#include "lxcfs/cpu_set.h"

namespace cradle::lxcfs {

std::string RenderMeminfo(std::string_view host, const cgroups::MemoryFigures& figures);
// Figures of the host's swap are in its meminfo.
std::string RenderSwaps(std::string_view host_meminfo, const cgroups::MemoryFigures& figures);
std::string RenderVmstat(std::string_view host, std::string_view host_meminfo, const cgroups::MemoryFigures& figures,
                         uint64_t oom_kills, const std::vector<cgroups::DiskFigures>& disks);

std::string RenderCpuinfo(std::string_view host, const CpuSet& cpus);
// `age_seconds`: of the host when the container began, so that btime is the container's.
std::string RenderStat(std::string_view host, const CpuSet& cpus, const CpuClock::Times& times, uint64_t age_seconds,
                       uint64_t tasks, uint64_t running);
std::string RenderUptime(uint64_t age_us, uint64_t idle_us);
std::string RenderLoadavg(const LoadClock::Averages& averages, uint64_t tasks);
std::string RenderCpuList(const CpuSet& cpus);

std::string RenderDiskstats(std::string_view host, const std::vector<cgroups::DiskFigures>& disks);
// The group's own text, or the same lines with nothing in them where there is none.
std::string RenderPressure(std::string_view host, std::string_view group);
// The "some" line's total, microseconds.
uint64_t PressureTotal(std::string_view group);

}  // namespace cradle::lxcfs
