// Following a container until it is over: its log as it comes, its end, and what interrupts.
#pragma once

#include <string>

#include "base/fd.h"
#include "ctl/client.h"
#include "ctl/log_tail.h"

namespace cradle::ctl {

Result<pb::ContainerStatus> StatusOf(Client& client, const std::string& id);

// Where the logs of pods that no kubelet made go.
Result<std::string> LogsDirectory(Client& client);

// Prints the log until the container isn't running any more and all of it is printed. Ends sooner when one of `signals`
// (a signalfd, or invalid) comes, or nobody reads standard output any more; the status then says that it runs.
Result<pb::ContainerStatus> Follow(Client& client, const std::string& id, LogTail* log,
                                   FdRef signals);

}  // namespace cradle::ctl
