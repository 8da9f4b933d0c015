// Pulling with progress on standard error.
#pragma once

#include <string>

#include "base/fd.h"
#include "ctl/client.h"

namespace cradle::ctl {

// The image's id. `signals` (a signalfd, or invalid): cancels the pull when one comes.
Result<std::string> PullImage(Client& client, const std::string& image,
                              const std::string& credentials, FdRef signals);

}  // namespace cradle::ctl
