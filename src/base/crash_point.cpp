#include "base/crash_point.h"

#ifdef CRADLE_CRASH_POINTS

#include <fcntl.h>

#include <cstdlib>

#include "base/sys/file.h"
#include "base/sys/process.h"

namespace cradle {
namespace {

bool Names(const char* variable, std::string_view name) {
  const char* value = std::getenv(variable);
  return value && name == value;
}

void Trace(std::string_view name) {
  const char* path = std::getenv("CRADLE_CRASH_TRACE");
  if (!path) return;
  auto file = sys::OpenAt(kCwd, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  std::string line = Cat(name, "\n");
  if (file.ok()) (void)sys::WriteAll(*file, line.data(), line.size()).ok();
}

}  // namespace

Result<> CrashPoint(std::string_view name) {
  Trace(name);
  if (Names("CRADLE_CRASH_AT", name)) sys::KillSelf();
  if (Names("CRADLE_FAIL_AT", name)) return Internal(Cat("failure asked for at ", name));
  return {};
}

}  // namespace cradle

#endif
