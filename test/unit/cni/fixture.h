// What the CNI tests share: a directory of their own, scripted plugins that note how they were
// called, and network namespaces that live as long as a descriptor.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <cstdlib>
#include <thread>

#include "base/sys/file.h"
#include "base/sys/mount.h"
#include "base/sys/process.h"
#include "cni/network.h"

namespace cradle::cni {

constexpr milliseconds kLong{20'000};

#define ASSERT_OK(...)                                         \
  do {                                                         \
    const auto& assert_ok_ = (__VA_ARGS__);                    \
    ASSERT_TRUE(assert_ok_.ok()) << assert_ok_.error().text(); \
  } while (0)

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/cradle-cni-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempDir() { (void)sys::RemoveTree(kCwd, path_).ok(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string Slurp(const std::string& path) {
  auto text = sys::ReadFile(kCwd, path, 8 << 20);
  return text.ok() ? *text : "";
}
inline void Put(const std::string& path, std::string_view text, mode_t mode = 0644) {
  ASSERT_OK(sys::ReplaceFile(kCwd, path, text, mode));
}

// A new network namespace, bound at a path until this goes away.
class TestNetns {
 public:
  explicit TestNetns(std::string path) : path_(std::move(path)) {
    Put(path_, "");
    std::thread([&] {
      ok_ = sys::Unshare(CLONE_NEWNET).ok() &&
            sys::Mount("/proc/thread-self/ns/net", path_, "", MS_BIND, "").ok();
    }).join();
    EXPECT_TRUE(ok_);
  }
  ~TestNetns() { Close(); }
  void Close() {
    if (!std::exchange(ok_, false)) return;
    EXPECT_TRUE(sys::Umount(path_, MNT_DETACH).ok());
  }
  const std::string& path() const { return path_; }
  // What `script` prints inside of it.
  std::string Shell(const std::string& script) const {
    std::string out;
    std::thread([&] {
      auto fd = sys::OpenAt(kCwd, path_, O_RDONLY);
      if (!fd.ok() || !sys::Setns(*fd, CLONE_NEWNET).ok()) return;
      std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(script.c_str(), "r"), ::pclose);
      char buffer[4096];
      while (size_t got = ::fread(buffer, 1, sizeof buffer, pipe.get())) out.append(buffer, got);
    }).join();
    return out;
  }

 private:
  std::string path_;
  bool ok_ = false;
};

// conf/, bin/, record/ and log/ in a directory of the test's own. A scripted plugin appends "TYPE
// COMMAND" to log/calls, keeps its stdin and environment in log/TYPE.COMMAND.in and .env, and then
// does what the test says.
class CniTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"/conf", "/bin", "/log"}) ASSERT_OK(sys::MakeDirs(dir() + name, 0755));
    config_.conf_dir = dir() + "/conf";
    config_.bin_dirs = {dir() + "/none", dir() + "/bin"};
    config_.record_dir = dir() + "/record";
    config_.plugin_timeout = kLong;
  }
  const std::string& dir() const { return temp_.path(); }

  void Plugin(const std::string& type, const std::string& body) {
    std::string log = dir() + "/log/";
    Put(dir() + "/bin/" + type,
        Cat("#!/bin/sh\necho \"", type, " $CNI_COMMAND\" >> ", log, "calls\nenv > ", log, type,
            ".$CNI_COMMAND.env\ncat > ", log, type, ".$CNI_COMMAND.in\n", body, "\n"),
        0755);
  }
  std::string Calls() const { return Slurp(dir() + "/log/calls"); }
  std::string Input(const std::string& call) const {
    return Slurp(Cat(dir(), "/log/", call, ".in"));
  }
  // The value of a variable as the call saw it.
  std::string Env(const std::string& call, const std::string& name) const {
    std::string text = "\n" + Slurp(Cat(dir(), "/log/", call, ".env"));
    size_t at = text.find("\n" + name + "=");
    if (at == text.npos) return "(unset)";
    at += name.size() + 2;
    return text.substr(at, text.find('\n', at) - at);
  }
  void List(const std::string& json, const std::string& file = "10-test.conflist") {
    Put(dir() + "/conf/" + file, json);
  }
  void Open() {
    auto network = Network::Open(config_);
    ASSERT_OK(network);
    network_ = std::move(*network);
  }
  AddRequest Request() const {
    AddRequest request;
    request.pod_id = "pod1";
    request.netns_path = "/proc/self/ns/net";
    request.pod_name = "web";
    request.pod_namespace = "default";
    request.pod_uid = "uid-1";
    return request;
  }

  TempDir temp_;
  Config config_;
  std::unique_ptr<Network> network_;
};

}  // namespace cradle::cni
