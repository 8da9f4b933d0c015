#include "sandbox/readings.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <charconv>

#include "base/sys/file.h"
#include "sandbox/node.h"

namespace cradle::sandbox {
namespace {

constexpr size_t kMaxText = 256 << 10;
constexpr size_t kColumns = 16;  // of net/dev: eight received, eight sent

// The next word, and the text behind it.
std::string_view Word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

bool Number(std::string_view word, uint64_t& out) {
  return std::from_chars(word.data(), word.data() + word.size(), out).ec == std::errc();
}

// "  eth0: 1 2 ...": false for a line of the heading.
bool ParseLine(std::string_view line, Interface& out) {
  size_t colon = line.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view before = line.substr(0, colon);
  out.name = std::string(Word(before));
  line.remove_prefix(colon + 1);
  uint64_t columns[kColumns] = {};
  for (uint64_t& column : columns)
    if (!Number(Word(line), column)) return false;
  auto direction = [&](size_t from) {
    return Interface::Direction{columns[from], columns[from + 1], columns[from + 2], columns[from + 3]};
  };
  out.received = direction(0);
  out.sent = direction(kColumns / 2);
  return true;
}

std::string Proc(pid_t pid, const char* file) { return Cat("/proc/", std::to_string(pid), "/", file); }

// "Max open files   1024   4096   files"
uint64_t SoftLimit(const std::string& limits) {
  constexpr std::string_view kName = "Max open files";
  size_t at = limits.find(kName);
  if (at == std::string::npos) return 0;
  std::string_view rest = std::string_view(limits).substr(at + kName.size());
  uint64_t soft = 0;
  Number(Word(rest), soft);
  return soft;
}

}  // namespace

std::vector<Interface> ParseNetDev(std::string_view text) {
  std::vector<Interface> out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    Interface one;
    if (ParseLine(line, one) && one.name != "lo") out.push_back(std::move(one));
  }
  return out;
}

OpenFiles CountOpenFiles(const std::vector<pid_t>& processes) {
  OpenFiles out;
  for (pid_t pid : processes) {
    auto dir = sys::OpenAt(kCwd, Proc(pid, "fd"), O_RDONLY | O_DIRECTORY);
    auto names = dir.ok() ? sys::ListDir(*dir) : Result<std::vector<std::string>>(dir.error());
    if (!names.ok()) continue;  // it has gone
    out.files += names->size();
    for (const std::string& name : *names)
      if (auto target = sys::ReadlinkAt(*dir, name); target.ok() && target->starts_with("socket:")) ++out.sockets;
    if (out.soft_limit != 0) continue;
    if (auto limits = sys::ReadFile(kCwd, Proc(pid, "limits"), kMaxText); limits.ok())
      out.soft_limit = SoftLimit(*limits);
  }
  return out;
}

std::string DeviceName(unsigned major, unsigned minor) {
  std::string number = Cat(std::to_string(major), ":", std::to_string(minor));
  auto target = sys::ReadlinkAt(kCwd, "/sys/dev/block/" + number);
  return target.ok() ? Cat("/dev/", target->substr(target->rfind('/') + 1)) : number;
}

Result<cgroups::Stats> Node::ReadPodStats(const PodView& pod) const {
  return groups_.ReadStats(pod.record.cgroup_parent);
}

Result<cgroups::Counters> Node::ReadCounters(const ContainerView& container) const {
  return groups_.ReadCounters(container.record->cgroup);
}

Result<size_t> Node::CountProcesses(const std::string& cgroup) const { return TRY(groups_.Processes(cgroup)).size(); }

std::vector<Interface> Node::ReadNetwork(const PodView& pod) const {
  if (pod.record.spec.host_network || pod.pause_pid == 0) return {};
  auto text = sys::ReadFile(kCwd, Proc(pod.pause_pid, "net/dev"), kMaxText);
  return text.ok() ? ParseNetDev(*text) : std::vector<Interface>();
}

OpenFiles Node::CountOpen(const ContainerView& container) const { return open_files_.Get(container.record->cgroup, {}); }

Result<Filesystem> Node::LayerFilesystem() const {
  UniqueFd root = TRY(sys::OpenAt(kCwd, config_.root, O_RDONLY | O_DIRECTORY));
  struct statfs of = TRY(sys::Fstatfs(root));
  struct stat info = TRY(sys::Fstat(root));
  return Filesystem{DeviceName(major(info.st_dev), minor(info.st_dev)),
                    static_cast<uint64_t>(of.f_blocks) * static_cast<uint64_t>(of.f_bsize), of.f_files, of.f_ffree};
}

}  // namespace cradle::sandbox
