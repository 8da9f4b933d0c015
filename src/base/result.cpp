#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace cradle {
namespace {

Code CodeOf(int err) {
  switch (err) {
    case ENOENT:
    case ESRCH:
      return Code::kNotFound;
    case EEXIST:
      return Code::kAlreadyExists;
    case EPERM:
    case EACCES:
      return Code::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return Code::kResourceExhausted;
    case ETIMEDOUT:
      return Code::kDeadlineExceeded;
    case ENOSYS:
      return Code::kUnimplemented;
    default:
      return Code::kInternal;
  }
}

}  // namespace

Error Error::FromErrno(int err, std::string_view what) {
  char buffer[128];
  Error error(CodeOf(err), Cat(what, ": ", strerror_r(err, buffer, sizeof buffer)));
  error.err_ = err;
  return error;
}

Error Error::With(std::string_view context) && {
  text_ = Cat(context, ": ", text_);
  return std::move(*this);
}

Error Error::As(Code code) && {
  code_ = code;
  return std::move(*this);
}

}  // namespace cradle
