// How an exec or attach ended, and how the client is told: a Kubernetes Status as JSON (protocols v4 and v5), or plain
// text, nothing at all for success (those before).
#pragma once

#include <string>
#include <string_view>

namespace cradle::streaming {

struct Status {
  enum class Kind { kSuccess, kExitCode, kError };
  Kind kind = Kind::kSuccess;
  int exit_code = 0;    // 1 to 255
  std::string message;  // of an error

  static Status Exited(int code) { return code == 0 ? Status() : Status{Kind::kExitCode, code, {}}; }
  static Status Failed(std::string_view message) { return {Kind::kError, 0, std::string(message)}; }
};

// `protocol`: as negotiated.
std::string FormatStatus(const Status& status, std::string_view protocol);

}  // namespace cradle::streaming
