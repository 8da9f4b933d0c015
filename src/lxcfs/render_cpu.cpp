// cpuinfo, stat, uptime, loadavg, the lists of processors.
#include <algorithm>
#include <cmath>

#include "lxcfs/render.h"
#include "lxcfs/text.h"

namespace cradle::lxcfs {
namespace {

constexpr uint64_t kTick = 10'000;  // microseconds: USER_HZ is 100 everywhere

// "key\t: value" of cpuinfo; the key without what pads it.
std::string_view KeyOf(std::string_view line) {
  std::string_view key = line.substr(0, line.find(':'));
  while (key.ends_with('\t') || key.ends_with(' ')) key.remove_suffix(1);
  return key;
}

// What a block says of its neighbours: no more than there are.
void AppendInfoLine(std::string_view line, size_t cpus, std::string& out) {
  std::string_view key = KeyOf(line);
  size_t colon = line.find(':');
  if (colon != line.npos && (key == "siblings" || key == "cpu cores")) {
    out.append(line.substr(0, colon + 1)).append(" ");
    AppendNumber(std::min<uint64_t>(LeadingNumber(line.substr(colon + 1)), cpus), out);
  } else {
    out.append(line);
  }
  out += '\n';
}

// "cpu", "cpu3" and its ten columns.
void AppendCpuLine(std::string_view name, const CpuClock::Times& times, uint64_t share, std::string& out) {
  out.append(name);
  const uint64_t columns[] = {times.user, 0, times.system, times.idle, 0, 0, 0, times.steal, 0, 0};
  for (uint64_t column : columns) {
    out += ' ';
    AppendNumber(column / share / kTick, out);
  }
  out += '\n';
}

}  // namespace

std::string RenderCpuinfo(std::string_view host, const CpuSet& cpus) {
  std::string out;
  const size_t count = cpus.count();
  bool shown = true;  // lines outside any block are about the machine
  for (std::string_view line; NextLine(host, line);) {
    if (KeyOf(line) == "processor" && line.find(':') != line.npos)
      shown = cpus.Has(LeadingNumber(line.substr(line.find(':') + 1)));
    if (shown) AppendInfoLine(line, count, out);
    if (line.empty()) shown = true;
  }
  return out;
}

std::string RenderStat(std::string_view host, const CpuSet& cpus, const CpuClock::Times& times, uint64_t age_seconds,
                       uint64_t tasks, uint64_t running) {
  std::string out;
  for (std::string_view line; NextLine(host, line);) {
    std::string_view rest = line;
    std::string_view key = NextWord(rest);
    if (key == "cpu") {
      // Two spaces after it, as in the kernel's.
      AppendCpuLine("cpu ", times, 1, out);
    } else if (key.starts_with("cpu")) {
      // The kernel tells on v2 only what all have used together: each gets its share.
      if (cpus.Has(LeadingNumber(key.substr(3)))) AppendCpuLine(key, times, std::max<uint64_t>(cpus.count(), 1), out);
    } else if (!key.empty()) {
      out.append(key).append(" ");
      uint64_t value = key == "btime"           ? LeadingNumber(rest) + age_seconds
                       : key == "processes"     ? tasks
                       : key == "procs_running" ? running
                                                : 0;
      AppendNumber(value, out);
      if (key == "softirq")
        for (int kind = 0; kind < 10; ++kind) out += " 0";
      out += '\n';
    }
  }
  return out;
}

std::string RenderUptime(uint64_t age_us, uint64_t idle_us) {
  std::string out;
  AppendHundredths(age_us / kTick, out);
  out += ' ';
  AppendHundredths(idle_us / kTick, out);
  out += '\n';
  return out;
}

std::string RenderLoadavg(const LoadClock::Averages& averages, uint64_t tasks) {
  std::string out;
  for (double load : averages.load) {
    AppendHundredths(static_cast<uint64_t>(std::lround(load * 100)), out);
    out += ' ';
  }
  AppendNumber(std::min(static_cast<uint64_t>(std::ceil(averages.current)), tasks), out);
  out += '/';
  AppendNumber(tasks, out);
  out += ' ';
  AppendNumber(tasks, out);  // the last pid is known to the kernel alone
  out += '\n';
  return out;
}

std::string RenderCpuList(const CpuSet& cpus) { return cpus.Format() + "\n"; }

}  // namespace cradle::lxcfs
