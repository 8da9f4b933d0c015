// diskstats, pressure.
#include "lxcfs/render.h"
#include "lxcfs/text.h"

namespace cradle::lxcfs {
namespace {

constexpr uint64_t kSector = 512;
constexpr std::string_view kTotal = "total=";

// The columns of Documentation/admin-guide/iostats.rst; times and merges are nobody's in particular.
void AppendDisk(unsigned major, unsigned minor, std::string_view name, const cgroups::DiskFigures& disk, size_t columns,
                std::string& out) {
  AppendPadded(major, 4, out);
  AppendPadded(minor, 8, out);
  out.append(" ").append(name);
  const uint64_t values[] = {disk.reads,    0, disk.read_bytes / kSector,      0,
                             disk.writes,   0, disk.written_bytes / kSector,   0,
                             0,             0, 0,
                             disk.discards, 0, disk.discarded_bytes / kSector, 0,
                             0,             0};
  constexpr size_t kColumns = sizeof values / sizeof *values;
  for (size_t i = 0; i < columns && i < kColumns; ++i) {
    out += ' ';
    AppendNumber(values[i], out);
  }
  out += '\n';
}

}  // namespace

std::string RenderDiskstats(std::string_view host, const std::vector<cgroups::DiskFigures>& disks) {
  std::string out;
  for (std::string_view line; NextLine(host, line);) {
    uint64_t major = LeadingNumber(NextWord(line)), minor = LeadingNumber(NextWord(line));
    std::string_view name = NextWord(line);
    size_t columns = 0;
    while (!NextWord(line).empty()) ++columns;
    for (const cgroups::DiskFigures& disk : disks)
      if (disk.major == major && disk.minor == minor) AppendDisk(disk.major, disk.minor, name, disk, columns, out);
  }
  return out;
}

std::string RenderPressure(std::string_view host, std::string_view group) {
  if (!group.empty()) return std::string(group);
  std::string out;
  for (std::string_view line; NextLine(host, line);)
    out.append(NextWord(line)).append(" avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  return out;
}

uint64_t PressureTotal(std::string_view group) {
  for (std::string_view line; NextLine(group, line);)
    if (size_t at = line.find(kTotal); line.starts_with("some ") && at != line.npos)
      return LeadingNumber(line.substr(at + kTotal.size()));
  return 0;
}

}  // namespace cradle::lxcfs
