// UsageCache: how large the writable layers are. A question is answered from memory at once; when the answer is older
// than ten seconds, a walk of that directory is begun in the background. One walk at a time. Thread safe.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/thread_pool.h"
#include "sandbox/runtime.h"

namespace cradle::sandbox {

class UsageCache {
 public:
  Runtime::LayerUsage Get(const std::string& dir);
  void Forget(const std::string& dir);

 private:
  void Walk(const std::string& dir);

  std::mutex mutex_;
  std::map<std::string, Runtime::LayerUsage> known_;
  std::set<std::string> walking_;
  ThreadPool walker_{"usage", 1};
};

}  // namespace cradle::sandbox
