#include "cgroups/control.h"

#include <fcntl.h>

#include "base/sys/file.h"
#include "cgroups/values.h"

namespace cradle::cgroups {

Result<std::string> ReadControl(FdRef dir, const std::string& file) {
  constexpr size_t kUsual = 4096, kMost = 64 << 10;
  UniqueFd fd = TRY(sys::OpenAt(dir, file, O_RDONLY));
  char text[kUsual];
  size_t size = TRY(sys::Read(fd, text, sizeof text).With(file));
  if (size < sizeof text) return std::string(text, size);
  return Cat(std::string_view(text, size), TRY(sys::ReadAll(fd, kMost - kUsual).With(file)));
}

std::string ControlText(FdRef dir, const std::string& file) {
  auto text = ReadControl(dir, file);
  return text.ok() ? std::move(*text) : std::string();
}

uint64_t ControlNumber(FdRef dir, const std::string& file) {
  return ParseNumber(ControlText(dir, file)).value_or(0);
}

}  // namespace cradle::cgroups
