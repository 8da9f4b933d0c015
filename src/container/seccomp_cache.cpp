#include <fcntl.h>

#include <map>
#include <mutex>

#include "base/sys/file.h"
#include "container/build_plan.h"
#include "container/capabilities.h"
#include "container/seccomp_profile.h"

namespace cradle::container {
namespace {

constexpr size_t kMaxProfile = 1 << 20;
// Programs are some KB; a node has few profiles and few sets of capabilities.
constexpr size_t kMaxCached = 64;

class Cache final : public SeccompCache {
 public:
  Result<std::string> RuntimeDefault(uint64_t caps) override {
    return Get({"", caps}, [&]() -> Result<SeccompProfile> { return DefaultSeccompProfile(caps); });
  }

  Result<std::string> Localhost(const std::string& path, uint64_t caps) override {
    const std::string what = Cat("seccomp profile \"", path.substr(0, 256), "\"");
    if (!path.starts_with('/') || path.find('\0') != std::string::npos)
      return InvalidArgument(Cat(what, ": not an absolute path"));
    const std::string text = TRY(ReadSeccompProfile(path).With(what));
    if (text.empty()) return InvalidArgument(Cat(what, ": empty"));
    return Get({text, caps}, [&] { return ParseSeccompProfile(text, caps); }).With(what);
  }

 private:
  // A Localhost profile's text (RuntimeDefault: empty) and the capabilities.
  using Key = std::pair<std::string, uint64_t>;

  // Compiles under the lock: a milliseconds' work, once.
  template <class Make>
  Result<std::string> Get(Key key, Make make) {
    const std::lock_guard lock(mutex_);
    if (const auto found = programs_.find(key); found != programs_.end()) return found->second;
    std::string program = TRY(CompileSeccomp(TRY(make())));
    if (programs_.size() >= kMaxCached) programs_.clear();
    return programs_.emplace(std::move(key), std::move(program)).first->second;
  }

  std::mutex mutex_;
  std::map<Key, std::string> programs_;
};

}  // namespace

// Opened without blocking: it may be a pipe.
Result<std::string> ReadSeccompProfile(const std::string& path) {
  const UniqueFd file = TRY(sys::OpenAt(kCwd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (!S_ISREG(TRY(sys::Fstat(file)).st_mode)) return InvalidArgument("not a regular file");
  auto text = sys::ReadAll(file, kMaxProfile);
  if (!text.ok() && text.error().code() == Code::kOutOfRange) return InvalidArgument("larger than 1 MiB");
  return text;
}

std::unique_ptr<SeccompCache> SeccompCache::Create() {
  auto cache = std::make_unique<Cache>();
  // The first container needn't wait for it. The built-in profile always compiles (a test sees to it).
  (void)cache->RuntimeDefault(kDefaultCapabilities);
  return cache;
}

}  // namespace cradle::container
