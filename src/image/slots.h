// DownloadSlots: how many layers are fetched and unpacked at once, in all and of one registry: of all pulls together.
// First come, first served; a registry that has reached its share is passed over. Thread safe.
//
// A layer may wait, with its slot, for the layers below it. That ends, because a pull takes its places in the line
// lowest layer first: whoever is waited for has had a slot before.
#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace cradle::image {

class DownloadSlots {
 public:
  DownloadSlots(int in_all, int per_registry) : in_all_(in_all), per_registry_(per_registry) {}

  // A place in the line, then a slot; both end with it.
  class Slot {
   public:
    Slot(DownloadSlots& slots, const std::string& registry);
    ~Slot();
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    // Until it is its turn. CANCELLED when stopped.
    Result<> Wait(std::stop_token stop);

   private:
    friend class DownloadSlots;
    DownloadSlots& slots_;
    const std::string registry_;
    bool granted_ = false;
    std::list<Slot*>::iterator place_;
  };

 private:
  void Grant();  // with the mutex held

  const int in_all_, per_registry_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Slot*> line_;  // who waits
  int taken_ = 0;
  std::map<std::string, int> taken_of_;
};

}  // namespace cradle::image
