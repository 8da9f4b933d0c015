// DetachKeys: the keys that end an attachment and leave the container running: "ctrl-p,ctrl-q". They are looked for in
// what is typed; the first of them are held back until it is known what follows. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cradle::ctl {

class DetachKeys {
 public:
  // Keys with commas between: a character, or ctrl-<letter> or one of ctrl-@[\]^_. Empty: there are none.
  static Result<DetachKeys> Parse(std::string_view text);

  struct Typed {
    std::string bytes;  // to be passed on
    bool detached = false;
  };
  Typed Take(std::string_view bytes);

 private:
  std::string keys_;
  size_t seen_ = 0;  // of keys_
};

}  // namespace cradle::ctl
