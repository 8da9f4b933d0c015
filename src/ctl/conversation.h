// A conversation between a person (or a pipe) and an exec or attach session: standard input and output, the terminal's
// mode and size, the keys that detach, and how it ended.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "ctl/detach_keys.h"

namespace cradle::ctl {

struct Manner {
  bool input = false, terminal = false;  // as the URL was asked for
  DetachKeys detach;                     // with a terminal
};

// Blocks until it is over. The exit code that the session told; nothing: detached. `signals`: a signalfd of
// kConversationSignals; one that ends programs ends it, with 128 and its number. The terminal is as it was before.
Result<std::optional<int>> Converse(const std::string& url, Manner manner, FdRef signals);

}  // namespace cradle::ctl
