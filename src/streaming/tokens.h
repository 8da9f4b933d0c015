// Tokens: what was promised for a URL that a client hasn't used yet. 128 random bits each, good once, for one minute
// and one kind of session; at most 1,000 wait at a time. Thread safe.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "streaming/plan.h"

namespace cradle::streaming {

// What a token is good for.
struct Grant {
  Kind kind = Kind::kExec;
  Streams streams;
  std::vector<uint16_t> ports;
  // Gives the client's connection to who serves it. May block. On an error nothing was sent to the client.
  std::function<Result<>(SessionPlan plan, FdRef socket)> hand_over;
};

class Tokens {
 public:
  static constexpr size_t kMaxPending = 1000;
  static constexpr seconds kLifetime{60};

  // 32 hex digits. kResourceExhausted when too many wait.
  Result<std::string> Issue(Grant grant, Deadline now = std::chrono::steady_clock::now());
  // Nothing: unknown, used, too old, or of another kind (then it is used up all the same).
  std::optional<Grant> Redeem(Kind kind, std::string_view token, Deadline now = std::chrono::steady_clock::now());

 private:
  struct Pending {
    std::string token;
    Deadline until;
    Grant grant;
  };
  std::mutex mutex_;
  std::vector<Pending> pending_;
};

}  // namespace cradle::streaming
