#include "ctl/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace cradle::ctl {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 9> kByteUnits = {{{"Ki", 1024.0},
                                             {"Mi", 1048576.0},
                                             {"Gi", 1073741824.0},
                                             {"Ti", 1099511627776.0},
                                             {"k", 1e3},
                                             {"M", 1e6},
                                             {"G", 1e9},
                                             {"T", 1e12},
                                             {"", 1.0}}};
constexpr std::array<Unit, 2> kCpuUnits = {{{"m", 1.0}, {"", 1e3}}};
constexpr std::array<Unit, 5> kTimeUnits = {
    {{"s", 1.0}, {"m", 60.0}, {"h", 3600.0}, {"d", 86400.0}, {"", 1.0}}};

// "1.5Gi" by its unit; rounded. False: no such number or unit, or out of range.
template <size_t N>
bool Scale(std::string_view text, const std::array<Unit, N>& units, int64_t& out) {
  double number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc()) return false;
  std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == rest; });
  if (unit == units.end()) return false;
  double scaled = std::round(number * unit->factor);
  if (!(scaled >= 1 && scaled < 9e18)) return false;
  out = static_cast<int64_t>(scaled);
  return true;
}

std::string Formatted(const char* format, double number, const char* unit) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, number, unit);
  return buffer;
}

std::string_view NextWord(std::string_view& line) {
  size_t blank = line.find(' ');
  std::string_view word = line.substr(0, blank);
  line.remove_prefix(blank == line.npos ? line.size() : blank + 1);
  return word;
}

}  // namespace

Result<int64_t> ParseBytes(std::string_view text) {
  int64_t bytes = 0;
  if (Scale(text, kByteUnits, bytes)) return bytes;
  return InvalidArgument(Cat("\"", text, "\": no size; write for example 64Mi, 1Gi or 500M"));
}

Result<int64_t> ParseCpus(std::string_view text) {
  int64_t milli = 0;
  if (Scale(text, kCpuUnits, milli)) return milli;
  return InvalidArgument(
      Cat("\"", text, "\": no number of CPUs; write for example 2, 0.5 or 500m"));
}

Result<int64_t> ParseSeconds(std::string_view text) {
  int64_t seconds = 0;
  if (Scale(text, kTimeUnits, seconds)) return seconds;
  return InvalidArgument(Cat("\"", text, "\": no duration; write for example 90s, 10m or 2h"));
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto number = static_cast<double>(bytes);
  size_t unit = 0;
  for (; number >= 1024 && unit + 1 < std::size(kUnits); ++unit) number /= 1024;
  return Formatted(unit == 0 || number >= 100 ? "%.0f %s" : "%.1f %s", number, kUnits[unit]);
}

std::string FormatCpus(double cpus) { return Formatted(cpus < 10 ? "%.2f%s" : "%.1f%s", cpus, ""); }

std::string FormatAge(int64_t nanoseconds) {
  int64_t seconds = std::max<int64_t>(0, nanoseconds / 1'000'000'000);
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 7200) return std::to_string(seconds / 60) + "m";
  if (seconds < 172'800) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86'400) + "d";
}

std::string FormatBar(uint64_t done, uint64_t total, size_t width) {
  double share =
      total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  auto filled = static_cast<size_t>(share * static_cast<double>(width));
  std::string bar(filled, '=');
  if (filled < width) bar.push_back('>');
  bar.resize(width, ' ');
  return "[" + bar + "]";
}

bool ParseLogRecord(std::string_view line, LogRecord& record) {
  record.time = NextWord(line);
  std::string_view stream = NextWord(line);
  std::string_view tags = NextWord(line);
  if (stream != "stdout" && stream != "stderr") return false;
  std::string_view first = tags.substr(0, tags.find(':'));
  if (first != "F" && first != "P") return false;
  record.is_stderr = stream == "stderr";
  record.partial = first == "P";
  record.text = line;
  return true;
}

}  // namespace cradle::ctl
