#include "streaming/status.h"

#include "base/result.h"

namespace cradle::streaming {
namespace {

// Other bytes than ASCII become a question mark: who knows what a container writes.
std::string Quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (byte < 0x20) {
      out.append({'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]});
    } else {
      out.push_back(byte < 0x7f ? c : '?');
    }
  }
  out.push_back('"');
  return out;
}

std::string ExitText(int code) {
  return Cat("command terminated with non-zero exit code: exit status ", std::to_string(code));
}

std::string Json(const Status& status) {
  switch (status.kind) {
    case Status::Kind::kSuccess: return R"({"metadata":{},"status":"Success"})";
    case Status::Kind::kExitCode:
      return Cat(R"({"metadata":{},"status":"Failure","message":)", Quote(ExitText(status.exit_code)),
                 R"(,"reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":")",
                 std::to_string(status.exit_code), R"("}]}})");
    case Status::Kind::kError: break;
  }
  return Cat(R"({"metadata":{},"status":"Failure","message":)",
             Quote(Cat("Internal error occurred: ", status.message)),
             R"(,"reason":"InternalError","details":{"causes":[{"message":)", Quote(status.message), R"(}]},"code":500})");
}

}  // namespace

std::string FormatStatus(const Status& status, std::string_view protocol) {
  if (protocol.starts_with("v4.") || protocol.starts_with("v5.")) return Json(status);
  switch (status.kind) {
    case Status::Kind::kSuccess: return {};
    case Status::Kind::kExitCode: return ExitText(status.exit_code);
    case Status::Kind::kError: break;
  }
  return status.message;
}

}  // namespace cradle::streaming
