// Daemon: a cradled of the test's own, with its root, state, socket, network list and log in one temporary directory.
// One thread. Its destructor ends it; pods that still run are the test's business.
#pragma once

#include <string>
#include <vector>

#include "base/sys/process.h"
#include "support/files.h"

namespace cradle::test {

// Where Debian's or our own CNI plugins lie: CRADLE_TEST_CNI_BIN, else /usr/lib/cni.
std::string PluginDir();

class Daemon {
 public:
  // Prepares the directory and a bridge network; nothing runs yet.
  Daemon();
  ~Daemon();

  // From now on the program of this installation is started (bin/, libexec/cradle/), not the build's.
  void UseInstallation(const std::string& prefix) { program_ = prefix + "/bin/cradled"; }
  // Starts cradled and returns when its socket answers, false when it ended before. `env`: added, "K=V".
  bool Start(const std::vector<std::string>& env = {});
  void Kill();  // SIGKILL
  void Stop();  // SIGTERM
  bool running() const { return child_.pidfd.valid(); }
  // Waits until it ended by itself (a crash point).
  bool WaitForEnd();

  pid_t pid() const { return child_.pid; }
  const std::string& dir() const { return dir_.path(); }
  std::string root() const { return dir() + "/root"; }
  std::string state() const { return dir() + "/state"; }
  std::string socket() const { return dir() + "/cradle.sock"; }
  std::string cni_dir() const { return dir() + "/cni"; }
  std::string plugin_dir() const { return dir() + "/plugins"; }  // searched before PluginDir()
  std::string pod_logs() const { return dir() + "/logs"; }
  std::string log() const { return ReadText(dir() + "/cradled.log"); }

  // The network list that pods get, by its only file name.
  void WriteNetworkList(const std::string& json);
  std::string network_list() const { return ReadText(cni_dir() + "/10-test.conflist"); }

 private:
  bool Answers();
  sys::Exit Reap();

  TempDir dir_;
  std::string program_;
  sys::Child child_;
};

}  // namespace cradle::test
