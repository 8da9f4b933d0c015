// FakeSystemd: the service manager's end of its private socket, as far as scopes go, and able to fail in every way that
// matters: it hangs, refuses, loses a job, dies. A thread of its own.
#pragma once

#include <systemd/sd-bus.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/sys/thread.h"

namespace cradle::cgroups {

class FakeSystemd {
 public:
  enum class Mood {
    kWorking,
    kHanging,      // takes connections, reads nothing
    kRefusing,     // "Unit x already exists."
    kFailingJobs,  // the job ends as "failed"
  };

  explicit FakeSystemd(std::string socket);
  ~FakeSystemd();

  void SetMood(Mood mood);
  // What StartTransientUnit was called with: "cradle-x.scope Slice=... PIDs=...".
  std::vector<std::string> Calls() const;
  int connections() const { return connections_; }

 private:
  struct Peer {
    FakeSystemd* owner = nullptr;
    sd_bus* bus = nullptr;
    EventLoop::Watch watch;
    ~Peer();
  };

  void Accept();
  void Drop(Peer& peer);
  void Pump(Peer& peer);
  static int OnMessage(sd_bus_message* message, void* peer, sd_bus_error* error);
  int StartUnit(Peer& peer, sd_bus_message* message);

  const std::string socket_;
  std::unique_ptr<EventLoop> loop_;
  UniqueFd listener_;
  EventLoop::Watch accepting_;
  std::vector<std::unique_ptr<Peer>> peers_;
  Mood mood_ = Mood::kWorking;  // the thread's
  std::atomic<int> connections_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
  std::unique_ptr<sys::Thread> thread_;
};

}  // namespace cradle::cgroups
