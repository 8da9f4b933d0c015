#include "cgroups/pressure.h"

#include <charconv>

#include "base/sys/file.h"
#include "cgroups/values.h"

namespace cradle::cgroups {
namespace {

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"
std::optional<Pressure::Line> ParseLine(std::string_view text) {
  auto words = Split(text, ' ');
  if (words.size() != 5 || !words[4].starts_with("total=")) return std::nullopt;
  Pressure::Line line;
  constexpr std::string_view kNames[] = {"avg10=", "avg60=", "avg300="};
  double* const values[] = {&line.avg10, &line.avg60, &line.avg300};
  for (size_t i = 0; i < 3; ++i) {
    std::string_view word = words[i + 1];
    if (!word.starts_with(kNames[i])) return std::nullopt;
    word.remove_prefix(kNames[i].size());
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *values[i]);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  }
  auto total = ParseNumber(words[4].substr(6));
  if (!total) return std::nullopt;
  line.total_micros = *total;
  return line;
}

std::optional<Pressure> ReadOne(FdRef group, const char* file) {
  auto text = sys::ReadFile(group, file, 4096);
  return text.ok() ? ParsePressure(*text) : std::nullopt;
}

}  // namespace

std::optional<Pressure> ParsePressure(std::string_view text) {
  Pressure pressure;
  bool some = false;
  for (std::string_view line : Split(text, '\n')) {
    auto parsed = ParseLine(line);
    if (!parsed) return std::nullopt;
    if (line.starts_with("some ")) {
      pressure.some = *parsed;
      some = true;
    } else if (line.starts_with("full ")) {
      pressure.full = *parsed;
    }
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
