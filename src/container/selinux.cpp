#include "container/selinux.h"

#include <fcntl.h>
#include <linux/magic.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <vector>

#include "base/sys/file.h"
#include "base/sys/process.h"

namespace cradle::container {
namespace {

constexpr char kAttribute[] = "security.selinux";
constexpr uint32_t kCategories = 1024;
constexpr size_t kMaxContexts = 64 << 10;

struct Context {
  std::string user, role, type, level;

  // The level is the rest: it has colons of its own.
  static Context Split(std::string_view text) {
    Context context;
    for (std::string* part : {&context.user, &context.role, &context.type}) {
      const size_t colon = std::min(text.find(':'), text.size());
      *part = text.substr(0, colon);
      text.remove_prefix(std::min(colon + 1, text.size()));
    }
    context.level = text;
    return context;
  }
  std::string Join() const { return Cat(user, ":", role, ":", type, level.empty() ? "" : ":", level); }
};

// The first that isn't empty.
std::string FirstOf(std::initializer_list<std::string> choices) {
  for (const std::string& choice : choices)
    if (!choice.empty()) return choice;
  return "";
}

// The value of a line `key = "value"`; empty: there is none.
std::string Value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t open = line.find('"'), close = line.rfind('"');
    std::string_view name = line.substr(0, std::min(line.find('='), line.size()));
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    if (name == key && open < close) return std::string(line.substr(open + 1, close - open - 1));
  }
  return "";
}

// "SELINUXTYPE=default" of /etc/selinux/config.
std::string PolicyName(std::string_view config) {
  constexpr std::string_view kKey = "\nSELINUXTYPE=";
  const std::string text = Cat("\n", config);
  const size_t at = text.find(kKey);
  if (at == std::string::npos) return "targeted";
  const size_t begin = at + kKey.size();
  const size_t end = std::min(text.find_first_of(" \t\n", begin), text.size());
  return text.substr(begin, end - begin);
}

// What every program of the node needs as it is, or that leads to it.
bool IsSystems(const std::string& path) {
  constexpr std::array kKept = {"/",    "/bin", "/boot", "/dev",  "/etc", "/home", "/lib", "/lib64", "/media",   "/mnt",
                                "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp",   "/usr",     "/usr/bin",
                                "/usr/lib", "/usr/local", "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/log", "/var/tmp"};
  return std::find(kKept.begin(), kKept.end(), path) != kKept.end();
}

bool HasNoLabels(const Error& error) { return error.err() == EOPNOTSUPP; }
bool IsGone(const Error& error) { return error.err() == ENOENT; }

class Relabeller {
 public:
  Relabeller(FdRef top, const std::string& label) : top_(top), label_(label) {}

  // Paths, not descriptors, wait: a volume may nest its directories as deep as it likes.
  Result<> Run(Deadline deadline) {
    device_ = TRY(sys::Fstat(top_)).st_dev;
    for (pending_.push_back("."); !pending_.empty();) {
      if (std::chrono::steady_clock::now() >= deadline)
        return Error(Code::kDeadlineExceeded, "too many files to relabel in the time");
      const std::string path = std::move(pending_.back());
      pending_.pop_back();
      auto done = Directory(path);
      if (!done.ok() && !IsGone(done.error())) return done;
    }
    return {};
  }

 private:
  Result<> Directory(const std::string& path) {
    UniqueFd dir = TRY(sys::OpenBeneath(top_, path, O_RDONLY | O_DIRECTORY));
    for (const std::string& name : TRY(sys::ListDir(dir))) {
      auto done = Entry(dir, path, name);
      if (!done.ok() && !IsGone(done.error()) && !HasNoLabels(done.error())) return done;
    }
    return {};
  }
  Result<> Entry(FdRef dir, const std::string& path, const std::string& name) {
    const struct stat info = TRY(sys::FstatAt(dir, name, AT_SYMLINK_NOFOLLOW));
    if (info.st_dev != device_) return {};
    if (S_ISDIR(info.st_mode)) pending_.push_back(Cat(path, "/", name));
    return sys::SetXattrAt(dir, name, kAttribute, label_);
  }

  FdRef top_;
  const std::string& label_;
  dev_t device_ = 0;
  std::vector<std::string> pending_;
};

bool HasLabel(FdRef file, const std::string& label) {
  auto now = sys::GetXattr(file, kAttribute);
  return now.ok() && now->substr(0, now->find('\0')) == label;
}

}  // namespace

std::string SelinuxPolicy::BaseLevel() const { return Context::Split(process).level; }

SelinuxPolicy ParseSelinuxContexts(std::string_view text) {
  return {FirstOf({Value(text, "process"), "system_u:system_r:container_t:s0"}),
          FirstOf({Value(text, "file"), "system_u:object_r:container_file_t:s0"})};
}

SelinuxPolicy DetectSelinux() {
  auto own = sys::ReadFile(kCwd, "/proc/self/attr/current", 4096);
  auto fs = sys::OpenAt(kCwd, "/sys/fs/selinux", O_PATH | O_DIRECTORY);
  if (!own.ok() || !fs.ok() || own->starts_with("kernel")) return {};
  auto info = sys::Fstatfs(*fs);
  if (!info.ok() || info->f_type != SELINUX_MAGIC) return {};
  const std::string config = sys::ReadFile(kCwd, "/etc/selinux/config", kMaxContexts).value_or("");
  const std::string contexts = Cat("/etc/selinux/", PolicyName(config), "/contexts/lxc_contexts");
  return ParseSelinuxContexts(sys::ReadFile(kCwd, contexts, kMaxContexts).value_or(""));
}

SelinuxLabels BuildSelinuxLabels(const SelinuxPolicy& policy, const SelinuxOptions& asked, const SelinuxOptions& pod,
                                 bool privileged) {
  if (!policy.enabled()) return {};
  Context process = Context::Split(policy.process);
  Context file = Context::Split(policy.file);
  process.user = FirstOf({asked.user, pod.user, process.user});
  process.role = FirstOf({asked.role, pod.role, process.role});
  process.type = FirstOf({asked.type, pod.type, privileged ? "spc_t" : process.type});
  file.user = FirstOf({asked.user, pod.user, file.user});
  file.level = FirstOf({asked.level, pod.level, file.level});
  process.level = privileged ? FirstOf({asked.level, process.level}) : file.level;
  return {process.Join(), file.Join()};
}

std::string RandomSelinuxLevel(const std::string& base) {
  uint32_t random[2];
  sys::GetRandom(random, sizeof random);
  const uint32_t first = random[0] % kCategories;
  const uint32_t second = (first + 1 + random[1] % (kCategories - 1)) % kCategories;
  return Cat(base, ":c", std::to_string(std::min(first, second)), ",c", std::to_string(std::max(first, second)));
}

Result<> Relabel(const std::string& path, const std::string& label, Deadline deadline) {
  UniqueFd place = TRY(sys::OpenAt(kCwd, path, O_PATH));
  const std::string name = Cat("/proc/self/fd/", std::to_string(place.get()));
  if (IsSystems(TRY(sys::ReadlinkAt(kCwd, name))))
    return FailedPrecondition(Cat("relabel ", path, ": that is the node's own"));
  const mode_t mode = TRY(sys::Fstat(place)).st_mode;
  if (!S_ISDIR(mode) && !S_ISREG(mode)) return {};  // a socket, a device: somebody else's
  UniqueFd top = TRY(sys::OpenAt(kCwd, name, O_RDONLY));
  if (HasLabel(top, label)) return {};
  if (S_ISDIR(mode)) TRYV(Relabeller(top, label).Run(deadline).With(Cat("relabel ", path)));
  auto done = sys::SetXattr(top, kAttribute, label);
  if (!done.ok() && !HasNoLabels(done.error())) return std::move(done).With(Cat("relabel ", path));
  return {};
}

}  // namespace cradle::container
