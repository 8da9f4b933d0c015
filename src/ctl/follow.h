// Following a container until it is over: its log as it comes, its end, and the signals that
// interrupt.
#pragma once

#include <string>

#include "base/fd.h"
#include "ctl/client.h"
#include "ctl/log_tail.h"

namespace cradle::ctl {

Result<pb::ContainerStatus> StatusOf(Client& client, const std::string& id);

// Where the logs of pods that no kubelet made go.
Result<std::string> LogsDirectory(Client& client);

// Prints the log until the container isn't running any more and all of it is printed. `signals` (a
// signalfd, or invalid): ends sooner when one comes; the status then says that it runs.
Result<pb::ContainerStatus> Follow(Client& client, const std::string& id, LogTail* log,
                                   FdRef signals);

}  // namespace cradle::ctl
