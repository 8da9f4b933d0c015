#include "shim/oom_counter.h"

#include <fcntl.h>

#include <charconv>
#include <vector>

#include "base/sys/file.h"

namespace cradle::shim {
namespace {

constexpr size_t kFileLimit = 4096;
constexpr size_t kMostGroups = 10'000;  // a container may make as many as it likes

uint64_t OomKills(FdRef file) {
  char buffer[kFileLimit];
  auto size = sys::Pread(file, buffer, sizeof buffer, 0);
  std::string_view text(buffer, size.ok() ? *size : 0);
  constexpr std::string_view kKey = "oom_kill ";
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    if (line.substr(0, kKey.size()) == kKey) {
      uint64_t count = 0;
      std::from_chars(line.data() + kKey.size(), line.data() + line.size(), count);
      return count;
    }
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : text.size());
  }
  return 0;
}

}  // namespace

Result<OomCounter> OomCounter::Open(const std::string& path, bool below) {
  OomCounter counter;
  if (path.empty()) return counter;
  counter.file_ = TRY(sys::OpenAt(kCwd, path, O_RDONLY));
  size_t slash = path.rfind('/');
  counter.name_ = path.substr(slash + 1);
  if (below) counter.dir_ = TRY(sys::OpenAt(kCwd, path.substr(0, slash), O_RDONLY | O_DIRECTORY));
  counter.baseline_ = counter.Read();
  return counter;
}

Result<OomCounter> OomCounter::OpenAt(const std::string& path, bool below, uint64_t baseline) {
  OomCounter counter = TRY(Open(path, below));
  counter.baseline_ = baseline;
  return counter;
}

uint64_t OomCounter::Read() const {
  if (!file_.valid()) return 0;
  uint64_t kills = OomKills(file_);
  if (!dir_.valid()) return kills;
  std::vector<std::string> groups = {"."};
  for (size_t i = 0; i < groups.size() && groups.size() < kMostGroups; ++i) {
    auto dir = sys::OpenAt(dir_, groups[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!dir.ok()) continue;
    auto names = sys::ListSubdirs(*dir);
    if (!names.ok()) continue;
    for (const std::string& name : *names) {
      auto file = sys::OpenAt(*dir, Cat(name, "/", name_), O_RDONLY);
      if (file.ok()) kills += OomKills(*file);
      groups.push_back(Cat(groups[i], "/", name));
    }
  }
  return kills;
}

}  // namespace cradle::shim
