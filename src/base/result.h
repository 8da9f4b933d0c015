// Result<T>: a value or an Error. What every fallible function here returns.
//
// An Error keeps a code of gRPC's canonical set, the errno (0 when there is none) and a text. Text is added on the
// way up, outermost first: "run pod kube-system/dns: create cgroup /kubepods/x: mkdir: File exists". A function
// either returns an error or logs it, never both. A dropped Result does not compile (-Werror=unused-result).
// Any thread; no exceptions: the shim uses this header too.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace cradle {

// The values are gRPC's (grpc/status.h), so that the edge maps them by a cast.
enum class Code {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

class [[nodiscard]] Error {
 public:
  Error(Code code, std::string text) : code_(code), text_(std::move(text)) {}

  // "what: strerror(err)"; the code follows from err (ENOENT is kNotFound, and so on).
  static Error FromErrno(int err, std::string_view what);

  Code code() const { return code_; }
  int err() const { return err_; }  // errno, 0 when the error is not the kernel's
  const std::string& text() const { return text_; }

  // The same error with "context: " before its text.
  Error With(std::string_view context) &&;
  // The same text under another code.
  Error As(Code code) &&;

 private:
  Code code_;
  int err_ = 0;
  std::string text_;
};

template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(Error error) : tl::expected<T, Error>(tl::unexpected<Error>(std::move(error))) {}

  bool ok() const { return this->has_value(); }
  // Puts context in front of an error; a value passes unchanged.
  Result With(std::string_view context) && {
    if (ok()) return std::move(*this);
    return Result(std::move(this->error()).With(context));
  }
};

// Joins string_view-able pieces: Cat("pod ", id, ": ", text). Numbers: std::to_string.
namespace internal {
inline std::string_view Piece(std::string_view s) { return s; }
}  // namespace internal
template <class... A>
std::string Cat(const A&... a) {
  std::string out;
  out.reserve((internal::Piece(a).size() + ... + 0));
  (out.append(internal::Piece(a)), ...);
  return out;
}

inline Error InvalidArgument(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }
inline Error NotFound(std::string text) { return {Code::kNotFound, std::move(text)}; }
inline Error FailedPrecondition(std::string text) {
  return {Code::kFailedPrecondition, std::move(text)};
}
inline Error Internal(std::string text) { return {Code::kInternal, std::move(text)}; }

}  // namespace cradle

// TRY(expr): the value of a Result, or return its error from the enclosing function.
// TRYV(expr): the same for Result<void>.
#define TRY(...) CRADLE_TRY_(CRADLE_JOIN_(try_, __COUNTER__), __VA_ARGS__)
#define TRYV(...) CRADLE_TRYV_(CRADLE_JOIN_(try_, __COUNTER__), __VA_ARGS__)

// The counter keeps a TRY inside the argument of another from shadowing its variable.
#define CRADLE_JOIN_(a, b) CRADLE_JOIN2_(a, b)
#define CRADLE_JOIN2_(a, b) a##b
#define CRADLE_TRY_(result, ...)                                \
  ({                                                            \
    auto result = (__VA_ARGS__);                                \
    if (!result.has_value()) return std::move(result.error()); \
    std::move(result).value();                                  \
  })
#define CRADLE_TRYV_(result, ...)                               \
  do {                                                          \
    auto result = (__VA_ARGS__);                                \
    if (!result.has_value()) return std::move(result.error()); \
  } while (0)
