// floor: what the kernel takes for a pod with one container: the system calls that cradle makes for each request of
// the CRI, without a daemon, a protocol or a check. Prints "name<TAB>median microseconds" per request.
// usage: floor LAYER PAUSE ROUNDS host|net     LAYER: an unpacked image with /bin/sleep and /bin/true
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/ids.h"
#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"
#include "floor_child.h"
#include "must.h"
#include "samples.h"

namespace cradle::bench {
namespace {

// A record as cradle's: 2 KB of text.
const std::string kRecord(2000, 'x');

void LoopbackUp(pid_t pause) {
  UniqueFd own = Must(sys::OpenAt(kCwd, "/proc/thread-self/ns/net", O_RDONLY));
  UniqueFd pod = Must(sys::OpenAt(kCwd, "/proc/" + std::to_string(pause) + "/ns/net", O_RDONLY));
  Must(sys::Setns(pod, CLONE_NEWNET));
  int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  UniqueFd socket(fd);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (::ioctl(fd, SIOCSIFFLAGS, &request) < 0) std::perror("lo up");
  Must(sys::Setns(own, CLONE_NEWNET));
}

class Floor {
 public:
  Floor(std::string layer, std::string pause, bool host_network)
      : layer_(std::move(layer)), pause_program_(std::move(pause)), host_network_(host_network) {
    char name[] = "/tmp/cradle-floor-XXXXXX";
    dir_ = ::mkdtemp(name);
    run_ = dir_ + "/run";
    for (const char* made : {"/run", "/trash"}) Must(sys::MkdirAt(kCwd, dir_ + made, 0700));
    Must(sys::Mount("tmpfs", run_, "tmpfs", 0, "mode=700"));
    top_.emplace(kTop);
  }
  ~Floor() {
    Must(sys::Umount(run_, 0));
    (void)sys::RemoveTree(kCwd, dir_);
  }

  void Cycle(Samples& samples) {
    samples.Time("whole cycle", [&] {
      samples.Time("nothing to RUNNING", [&] {
        samples.Time("RunPodSandbox", [&] { RunPod(); });
        samples.Time("CreateContainer", [&] { Create(); });
        samples.Time("StartContainer", [&] { Start(); });
      });
      samples.Time("ExecSync true", [&] { Exec(); });
      samples.Time("StopContainer", [&] { KillAndReap(container_->clone); });
      samples.Time("RemoveContainer", [&] { Remove(); });
      samples.Time("StopPodSandbox", [&] { StopPod(); });
      samples.Time("RemovePodSandbox", [&] { RemovePod(); });
    });
    Must(sys::RemoveTree(kCwd, dir_ + "/trash/container"));
  }

 private:
  static constexpr char kTop[] = "/cradle-floor";
  std::string PodDir() const { return dir_ + "/pod"; }
  std::string ContainerDir() const { return dir_ + "/container"; }

  void RunPod() {
    Must(sys::MkdirAt(kCwd, PodDir(), 0700));
    Must(sys::ReplaceFile(kCwd, PodDir() + "/pod.json", kRecord, 0600));
    pod_group_.emplace(std::string(kTop) + "/pod");
    pause_group_.emplace(std::string(kTop) + "/pod/pause");
    pause_group_->Write("cpu.shares", "2");
    Must(sys::MkdirAt(kCwd, run_ + "/pod", 0700));
    pause_ = LaunchPause(pause_program_, *pause_group_, host_network_);
    if (!host_network_) {
      Must(sys::OpenAt(kCwd, run_ + "/netns", O_CREAT | O_WRONLY, 0600)).Reset();
      Must(sys::Mount("/proc/" + std::to_string(pause_.pid) + "/ns/net", run_ + "/netns", "", MS_BIND, ""));
      LoopbackUp(pause_.pid);
    }
    for (const char* file : {"/hosts", "/hostname", "/resolv.conf"})
      Must(sys::ReplaceFile(kCwd, PodDir() + file, "127.0.0.1 localhost\n", 0644));
    Must(sys::ReplaceFile(kCwd, run_ + "/pod/ready", "", 0600));
  }

  void Create() {
    for (const char* made : {"", "/upper", "/work"}) Must(sys::MkdirAt(kCwd, ContainerDir() + made, 0755));
    Must(sys::ReplaceFile(kCwd, ContainerDir() + "/container.json", kRecord, 0600));
    group_.emplace(std::string(kTop) + "/pod/container");
    group_->Write("cpu.shares", "512");
    group_->Write("cpu.cfs_period_us", "100000");
    group_->Write("cpu.cfs_quota_us", "50000");
    group_->Write("memory.limit_in_bytes", "67108864");
    group_->Write("devices.deny", "a");
    for (const char* rule : {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
                             "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"})
      group_->Write("devices.allow", rule);
    Rootfs rootfs{layer_,          ContainerDir() + "/upper", ContainerDir() + "/work", PodDir() + "/hosts",
                  PodDir() + "/hostname", PodDir() + "/resolv.conf"};
    log_ = Must(sys::OpenAt(kCwd, PodDir() + "/0.log", O_CREAT | O_WRONLY | O_APPEND, 0640));
    container_ = LaunchContainer(rootfs, *group_, pause_.pidfd, host_network_);
  }

  void Start() {
    Must(sys::Write(container_->gate, "s", 1));
    char byte;
    if (Must(sys::Read(container_->report, &byte, 1)) != 0) std::abort();
  }

  void Exec() {
    Group group(std::string(kTop) + "/pod/container/exec");
    const char* argv[] = {"/bin/true", nullptr};
    RunExec(container_->clone.pidfd, group, argv);
  }

  void Remove() {
    Must(sys::ReplaceFile(kCwd, ContainerDir() + "/exit.json", "{}", 0600));
    container_.reset();
    log_.Reset();
    group_.reset();
    Must(sys::RenameAt(kCwd, ContainerDir(), kCwd, dir_ + "/trash/container"));
  }

  void StopPod() {
    KillAndReap(pause_);
    pause_ = {};
    if (!host_network_) {
      Must(sys::Umount(run_ + "/netns", MNT_DETACH));
      Must(sys::UnlinkAt(kCwd, run_ + "/netns", 0));
    }
    pause_group_.reset();
    pod_group_.reset();
  }

  void RemovePod() {
    Must(sys::RemoveTree(kCwd, run_ + "/pod"));
    Must(sys::RemoveTree(kCwd, PodDir()));
  }

  const std::string layer_, pause_program_;
  const bool host_network_;
  std::string dir_, run_;
  std::optional<Group> top_, pod_group_, pause_group_, group_;
  Clone pause_;
  std::optional<Container> container_;
  UniqueFd log_;
};

}  // namespace

int Main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: floor LAYER PAUSE ROUNDS host|net\n");
    return 2;
  }
  // Mounts of its own, and network namespaces that end when it does.
  Must(sys::Unshare(CLONE_NEWNS));
  Must(sys::Mount("", "/", "", MS_REC | MS_PRIVATE, ""));
  Floor floor(argv[1], argv[2], std::strcmp(argv[4], "host") == 0);
  Samples samples;
  constexpr int kWarmUp = 3;
  for (int round = -kWarmUp; round < std::atoi(argv[3]); ++round) {
    if (round == 0) samples.Clear();
    floor.Cycle(samples);
  }
  for (const std::string& name : samples.names()) std::printf("%s\t%.1f\n", name.c_str(), samples.Median(name));
  return 0;
}

}  // namespace cradle::bench

int main(int argc, char** argv) { return cradle::bench::Main(argc, argv); }
