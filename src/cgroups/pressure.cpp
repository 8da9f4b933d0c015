#include "cgroups/pressure.h"

#include <charconv>

#include "cgroups/control.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

// " avg10=0.00 avg60=0.00 avg300=0.00 total=0"
std::optional<Pressure::Line> ParseFigures(std::string_view text) {
  auto take = [&](std::string_view name, auto& value) {
    if (!text.starts_with(name)) return false;
    text.remove_prefix(name.size());
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return error == std::errc();
  };
  Pressure::Line line;
  if (take(" avg10=", line.avg10) && take(" avg60=", line.avg60) && take(" avg300=", line.avg300) &&
      take(" total=", line.total_micros) && text.empty())
    return line;
  return std::nullopt;
}

std::optional<Pressure> ReadOne(FdRef group, const char* file) {
  auto text = ReadControl(group, file);
  return text.ok() ? ParsePressure(*text) : std::nullopt;
}

}  // namespace

std::optional<Pressure> ParsePressure(std::string_view text) {
  Pressure pressure;
  bool some = false;
  for (std::string_view line; NextLine(text, line);) {
    std::string_view kind = line.substr(0, line.find(' '));
    auto figures = ParseFigures(line.substr(kind.size()));
    if (!figures) return std::nullopt;
    if (kind == "some") pressure.some = *figures;
    if (kind == "full") pressure.full = *figures;
    some |= kind == "some";
  }
  if (!some) return std::nullopt;
  return pressure;
}

void ReadPressure(FdRef group, Stats& stats) {
  stats.cpu_pressure = ReadOne(group, "cpu.pressure");
  stats.memory_pressure = ReadOne(group, "memory.pressure");
  stats.io_pressure = ReadOne(group, "io.pressure");
}

}  // namespace cradle::cgroups
