#include "ctl/detach_keys.h"

namespace cradle::ctl {
namespace {

constexpr std::string_view kControl = "ctrl-";

Result<char> ParseKey(std::string_view key) {
  if (key.size() == 1) return key.front();
  if (key.starts_with(kControl) && key.size() == kControl.size() + 1) {
    char c = key.back();
    if (c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 1);
    if (c >= '@' && c <= '_') return static_cast<char>(c - '@');
  }
  return InvalidArgument(Cat("\"", key, "\" is no key: a character, or ctrl- and a letter"));
}

}  // namespace

Result<DetachKeys> DetachKeys::Parse(std::string_view text) {
  DetachKeys out;
  while (!text.empty()) {
    size_t comma = text.find(',', 1);  // the key may be a comma itself
    out.keys_.push_back(TRY(ParseKey(text.substr(0, comma))));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return out;
}

DetachKeys::Typed DetachKeys::Take(std::string_view bytes) {
  Typed out;
  for (char c : bytes) {
    if (seen_ < keys_.size() && c == keys_[seen_]) {
      if (++seen_ < keys_.size()) continue;
      out.detached = true;
      return out;
    }
    out.bytes.append(keys_, 0, std::exchange(seen_, 0));
    if (!keys_.empty() && c == keys_.front())
      seen_ = 1;
    else
      out.bytes.push_back(c);
  }
  return out;
}

}  // namespace cradle::ctl
