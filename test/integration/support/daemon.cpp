#include "support/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "base/sys/file.h"
#include "base/sys/socket.h"
#include "support/must.h"

namespace cradle::test {
namespace {

std::string BridgeList(const std::string& dir) {
  return R"({"cniVersion": "1.0.0", "name": "cradle-test", "plugins": [
    {"type": "bridge", "bridge": "ctest0", "isGateway": true, "ipMasq": false,
     "ipam": {"type": "host-local", "dataDir": ")" +
         dir + R"(/ipam", "ranges": [[{"subnet": "10.88.0.0/16"}]]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}]})";
}

}  // namespace

std::string PluginDir() {
  const char* given = ::getenv("CRADLE_TEST_CNI_BIN");
  return given ? given : "/usr/lib/cni";
}

Daemon::Daemon() {
  UseInstallation(CRADLE_BUILD_DIR);
  for (const std::string& made : {root(), state(), cni_dir(), plugin_dir(), pod_logs()})
    std::filesystem::create_directories(made);
  WriteNetworkList(BridgeList(dir()));
  const char* driver = ::getenv("CRADLE_TEST_CGROUP_DRIVER");
  WriteText(dir() + "/config.toml", "[cni]\nconf_dir = \"" + cni_dir() + "\"\nbin_dirs = [\"" + plugin_dir() +
                                        "\", \"" + PluginDir() + "\"]\n[registry]\nconfig_path = \"" + dir() +
                                        "/certs.d\"\n[cgroup]\ndriver = \"" + (driver ? driver : "auto") + "\"\n");
}

Daemon::~Daemon() {
  if (running()) Stop();
  while (::umount2(state().c_str(), MNT_DETACH) == 0) continue;
}

void Daemon::WriteNetworkList(const std::string& json) {
  // By rename, as tools do it: the daemon watches the directory.
  WriteText(dir() + "/list.new", json);
  std::filesystem::rename(dir() + "/list.new", cni_dir() + "/10-test.conflist");
}

bool Daemon::Start(const std::vector<std::string>& env) {
  UniqueFd out = Must(sys::OpenAt(kCwd, dir() + "/cradled.log", O_WRONLY | O_CREAT | O_APPEND, 0600));
  sys::SpawnOptions options;
  options.program = program_;
  options.args = {"cradled",    "--config", dir() + "/config.toml", "--listen",    "unix://" + socket(), "--root",
                  root(),       "--state",  state(),                "--log-level", "debug"};
  options.env = env;
  options.env.push_back("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"})
    if (const char* value = ::getenv(name)) options.env.push_back(std::string(name) + "=" + value);
  options.fds = {{out.ref(), 1}, {out.ref(), 2}};
  child_ = Must(sys::Spawn(options));
  Eventually([&] { return Answers() || sys::PidfdExited(child_.pidfd); });
  if (!sys::PidfdExited(child_.pidfd)) return true;
  Reap();
  return false;
}

bool Daemon::Answers() { return sys::ConnectUnix(socket(), SOCK_STREAM).ok(); }

sys::Exit Daemon::Reap() {
  sys::Exit exit = Must(sys::WaitPidfd(child_.pidfd, After(kPatience)));
  child_ = {};
  return exit;
}

void Daemon::Kill() {
  Must(sys::PidfdSendSignal(child_.pidfd, SIGKILL));
  Reap();
}

void Daemon::Stop() {
  Must(sys::PidfdSendSignal(child_.pidfd, SIGTERM));
  Reap();
}

bool Daemon::WaitForEnd() {
  if (!Eventually([&] { return sys::PidfdExited(child_.pidfd); })) return false;
  Reap();
  return true;
}

}  // namespace cradle::test
