// Systemd: what is asked of the machine's service manager, which is scopes (org.freedesktop.systemd1(5)). One
// connection to its private socket (no bus daemon between), kept open, on a thread of its own that never blocks.
//
//   StartScope --> [thread: connects when there is no connection, sends; reply, then JobRemoved] --> answers
//
// Every call is answered by its deadline. A manager that has said nothing since a call was sent loses the
// connection with that call: the next one gets a new connection, so whatever was wrong heals by itself. Any thread
// may call; calls don't wait for each other.
#pragma once

#include <sys/types.h>

#include <list>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/result.h"
#include "base/sys/thread.h"
#include "cgroups/sd_bus.h"

namespace cradle::cgroups {

struct Scope {
  std::string unit;   // "cradle-1f2e.scope"
  std::string slice;  // "kubepods.slice"; made by systemd when it isn't there
  std::string description;
  pid_t pid = 0;      // the first process: without one there is no scope
};

class Systemd {
 public:
  // Loads the library; connects later. `address`: as in sd_bus_set_address(3).
  static Result<std::unique_ptr<Systemd>> Open(std::string address);
  ~Systemd();
  Systemd(const Systemd&) = delete;
  Systemd& operator=(const Systemd&) = delete;

  // A delegated scope around the process; it is there, and the process in it, on return. kAlreadyExists: a unit of
  // that name; kDeadlineExceeded; kUnavailable: no connection, or it broke.
  Result<> StartScope(const Scope& scope, Deadline deadline);

 private:
  struct Call;
  struct Close {
    decltype(&::sd_bus_close_unref) unref;
    void operator()(sd_bus* bus) const { unref(bus); }
  };
  using Bus = std::unique_ptr<sd_bus, Close>;

  Systemd(SdBus api, std::string address) : api_(api), address_(std::move(address)) {}

  // On the thread.
  void Begin(const std::shared_ptr<Call>& call);
  Result<> Connect();
  Result<> Send(Call& call);
  void Pump();
  void Finish(Call& call, Result<> result);
  void Expire(Call& call);
  void Disconnect(const Error& why);
  static int OnReply(sd_bus_message* message, void* call, sd_bus_error*);
  static int OnJobRemoved(sd_bus_message* message, void* self, sd_bus_error*);

  const SdBus api_;
  const std::string address_;
  std::unique_ptr<EventLoop> loop_;
  // The thread's.
  Bus bus_{nullptr, {}};
  EventLoop::Watch watch_;
  EventLoop::Timer timer_;  // sd-bus's own
  Deadline heard_{};        // when the manager last said something
  std::list<std::shared_ptr<Call>> calls_;
  std::unique_ptr<sys::Thread> thread_;  // ends first
};

}  // namespace cradle::cgroups
