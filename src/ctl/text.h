// Numbers and times as people write and read them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cradle::ctl {

// Kubernetes' quantities: "64Mi", "1G", "1048576". At least 1.
Result<int64_t> ParseBytes(std::string_view text);
// Thousandths of a CPU: "0.5", "2", "500m". At least 1.
Result<int64_t> ParseCpus(std::string_view text);
// "90s", "10m", "2h", "1d", as seconds.
Result<int64_t> ParseSeconds(std::string_view text);

std::string FormatBytes(uint64_t bytes);                             // "4.3 MiB"
std::string FormatCpus(double cpus);                                 // "0.25", "12.0"
std::string FormatAge(int64_t nanoseconds);                          // "12s", "5m", "3h", "9d"
std::string FormatBar(uint64_t done, uint64_t total, size_t width);  // "[=====>    ]"

// "2026-01-02T03:04:05.000000006Z stdout F text": one record of a container's log.
struct LogRecord {
  std::string_view time;
  bool is_stderr = false;
  bool partial = false;  // goes on in the next record: no end of line here
  std::string_view text;
};
// False for what is no record.
bool ParseLogRecord(std::string_view line, LogRecord& record);

}  // namespace cradle::ctl
