#include "streaming/tokens.h"

#include "base/ids.h"

namespace cradle::streaming {
namespace {

constexpr size_t kDigits = 32;

// Takes as long for a wrong token as for the right one.
bool Same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

Result<std::string> Tokens::Issue(Grant grant, Deadline now) {
  std::string token = RandomHex64().substr(0, kDigits);
  std::lock_guard lock(mutex_);
  std::erase_if(pending_, [&](const Pending& one) { return one.until <= now; });
  if (pending_.size() >= kMaxPending)
    return Error(Code::kResourceExhausted, "too many streaming requests wait for their clients");
  pending_.push_back({token, now + kLifetime, std::move(grant)});
  return token;
}

std::optional<Grant> Tokens::Redeem(Kind kind, std::string_view token, Deadline now) {
  std::lock_guard lock(mutex_);
  std::optional<Grant> found;
  std::erase_if(pending_, [&](Pending& one) {
    bool here = Same(one.token, token);
    if (here && one.until > now && one.grant.kind == kind) found = std::move(one.grant);
    return here || one.until <= now;
  });
  return found;
}

}  // namespace cradle::streaming
