// Events: what happens to pods and containers, told to everybody who listens. Whoever changes a state that clients hear
// of does it inside Tell, so change and event are one: events come in the order of the changes, and what an event shows
// holds its own change and all before it.
//
// What nobody was there to hear is kept for the first one who comes, the newest 256 of the last five minutes: exits that
// a daemon finds at its start, before its clients are back.
//
// Thread safe. The lock goes before the store's, a pod's and a container's, never after one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cradle::sandbox {

struct PodView;
struct ContainerView;

enum class EventKind { kCreated, kStarted, kStopped, kDeleted };

struct Event {
  EventKind kind = EventKind::kCreated;
  std::string id;       // the container's; of what happens to the pod itself, the pod's
  int64_t at = 0;       // ns since 1970
  std::shared_ptr<const PodView> pod;  // of a removed one: as it last was
  std::vector<std::shared_ptr<const ContainerView>> containers;  // the pod's, without one that is removed
};
using EventPtr = std::shared_ptr<const Event>;

class Events {
 public:
  using Listener = std::function<void(const EventPtr&)>;

  // Somebody who listens, until its end: afterwards the listener isn't called, nor is a call under way.
  class Watch {
   public:
    Watch(Events& events, uint64_t place) : events_(events), place_(place) {}
    ~Watch() { events_.Leave(place_); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Events& events_;
    const uint64_t place_;
  };

  // `make` makes the change and says what to tell: null when nothing changed. It runs under the lock.
  void Tell(const std::function<EventPtr()>& make);
  // The listener is called under the lock: it returns at once and neither tells nor listens.
  std::unique_ptr<Watch> Listen(Listener listener);

 private:
  void Leave(uint64_t place);
  void Keep(EventPtr event);

  std::mutex mutex_;
  std::map<uint64_t, Listener> listeners_;
  uint64_t next_place_ = 0;
  std::deque<EventPtr> unheard_;
};

}  // namespace cradle::sandbox
