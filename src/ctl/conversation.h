// A conversation between a person (or a pipe) and an exec or attach session: standard input and output, the terminal's
// mode and size, the keys that detach, and how it ended.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "ctl/detach_keys.h"

namespace cradle::ctl {

struct Manner {
  bool input = false, terminal = false;  // as the URL was asked for
  DetachKeys detach;                     // with a terminal
};

struct Ending {
  int code = 0;              // that the session told
  bool detached = false;     // by its keys
  bool input_ended = false;  // ours, before the session
};

// Blocks until it is over. `signals`: a signalfd of kConversationSignals; one that ends programs ends it, with 128 and its
// number; so does a standard output that nobody reads any more (SIGPIPE). The terminal is as it was before.
Result<Ending> Converse(const std::string& url, Manner manner, FdRef signals);

}  // namespace cradle::ctl
