#include "support/machine.h"

#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "support/files.h"

namespace cradle::test {
namespace {

void Need(int result, const char* what) {
  if (result >= 0) return;
  std::perror(what);
  std::exit(77);
}

void LoopbackUp() {
  int socket_fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  Need(socket_fd, "socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  Need(::ioctl(socket_fd, SIOCSIFFLAGS, &request), "lo up");
  ::close(socket_fd);
}

// Goes on as the first process of the new pid namespace: when it ends, however, everything in it ends.
void BecomeInit() {
  pid_t child = ::fork();
  Need(child, "fork");
  if (child == 0) return Need(::prctl(PR_SET_PDEATHSIG, SIGKILL), "parent death signal");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  std::_Exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

struct Stat {
  pid_t parent = 0;
  char state = 0;
};

// Fields 3 and 4 of /proc/PID/stat; the name before them may hold anything, so from the last ')'.
bool ReadStat(pid_t pid, Stat& stat) {
  std::string text = ReadText("/proc/" + std::to_string(pid) + "/stat");
  size_t end = text.rfind(')');
  if (end == std::string::npos) return false;
  return std::sscanf(text.c_str() + end + 1, " %c %d", &stat.state, &stat.parent) == 2;
}

}  // namespace

bool UsesSystemd() {
  const char* driver = std::getenv("CRADLE_TEST_CGROUP_DRIVER");
  return IsCgroupV2() && std::filesystem::exists("/run/systemd/system") && (!driver || driver != std::string("cgroupfs"));
}

bool HasUserNamespaces() {
  utsname name{};
  int major = 0, minor = 0;
  Need(::uname(&name), "uname");
  std::sscanf(name.release, "%d.%d", &major, &minor);
  return std::pair(major, minor) >= std::pair(6, 13);
}

std::vector<std::string> CgroupHierarchies() {
  std::vector<std::string> found;
  if (IsCgroupV2()) return {"/sys/fs/cgroup"};
  for (const auto& hierarchy : std::filesystem::directory_iterator("/sys/fs/cgroup")) found.push_back(hierarchy.path());
  return found;
}

bool IsCgroupV2() { return std::filesystem::exists("/sys/fs/cgroup/cgroup.controllers"); }

void EnterPrivateMachine() {
  Need(::unshare(CLONE_NEWNS | CLONE_NEWNET), "unshare (are you root?)");
  if (UsesSystemd()) {
    Need(::prctl(PR_SET_CHILD_SUBREAPER, 1), "subreaper");
  } else {
    Need(::unshare(CLONE_NEWPID), "unshare");
    BecomeInit();
  }
  Need(::mount("", "/", "", MS_REC | MS_PRIVATE, nullptr), "private mounts");
  if (!UsesSystemd()) Need(::mount("proc", "/proc", "proc", 0, nullptr), "/proc");
  std::filesystem::create_directories("/run/netns");
  Need(::mount("netns", "/run/netns", "tmpfs", 0, "mode=755"), "/run/netns");
  LoopbackUp();
}

std::set<Process> Descendants(const std::set<pid_t>& waited) {
  std::map<pid_t, Stat> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::string name = entry.path().filename();
    Stat stat;
    if (name.find_first_not_of("0123456789") == std::string::npos && ReadStat(std::stoi(name), stat))
      all[std::stoi(name)] = stat;
  }
  std::set<Process> found;
  for (const auto& [pid, stat] : all) {
    pid_t up = pid;
    while (up > 1 && up != ::getpid()) up = all.contains(up) ? all[up].parent : 0;
    if (up != ::getpid() || pid == ::getpid()) continue;
    if (stat.state == 'Z' && stat.parent == ::getpid() && !waited.contains(pid)) {
      ::waitpid(pid, nullptr, 0);
      continue;
    }
    std::string command = ReadText("/proc/" + std::to_string(pid) + "/cmdline");
    for (char& c : command)
      if (c == '\0') c = ' ';
    found.insert({pid, stat.state == 'Z' ? "(zombie)" : command});
  }
  return found;
}

}  // namespace cradle::test
