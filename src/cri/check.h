// Checks of a request's fields. Pure. Every error is INVALID_ARGUMENT and reads "field: value: what
// is wrong":
//   linux.security_context.run_as_user: -1: must be between 0 and 4294967294
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cradle::cri {

// In double quotes, control bytes and bytes above 126 as \xNN, at most 100 bytes of it.
std::string Quoted(std::string_view value);
Error Bad(std::string_view field, std::string_view value, std::string_view wrong);
Error Bad(std::string_view field, int64_t value, std::string_view wrong);
// "mounts[3]"
std::string Indexed(std::string_view field, int index);

// Names that become part of keys, CNI arguments and log lines: 1 to 253 bytes, none of them a
// control byte, '/', ';' or '='.
Result<> CheckName(std::string_view field, std::string_view value);
// Text of one line: no control bytes.
Result<> CheckLine(std::string_view field, std::string_view value);
// A word of a configuration file: not empty, no control bytes and no blanks.
Result<> CheckWord(std::string_view field, std::string_view value);
// What is handed to execve(2): no NUL.
Result<> CheckNoNul(std::string_view field, std::string_view value);
// At most 64 bytes (HOST_NAME_MAX) of letters, digits, '-', '_' and '.', a letter or digit at both
// ends.
Result<> CheckHostname(std::string_view field, std::string_view value);
Result<> CheckIpAddress(std::string_view field, const std::string& value);
// Absolute, below PATH_MAX, no NUL, no "..".
Result<> CheckAbsolutePath(std::string_view field, std::string_view value);
// A uid or gid: 0 to 2^32-2 (2^32-1 means "no change" to the kernel).
Result<uint32_t> CheckId(std::string_view field, int64_t value);
// A runtime handler.
Result<> CheckHandler(std::string_view field, const std::string& value, const std::set<std::string>& configured);
Result<> CheckRange(std::string_view field, int64_t value, int64_t low, int64_t high);

}  // namespace cradle::cri
