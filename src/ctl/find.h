// Containers and pods by what people call them: an id, the beginning of one, or a name.
#pragma once

#include <map>
#include <string>
#include <variant>

#include "ctl/client.h"

namespace cradle::ctl {

// Set on pods that `cradlectl run` makes: the container and its pod are one thing to the user.
inline constexpr char kMadeByLabel[] = "cradle.io/made-by";
inline constexpr char kMadeByUs[] = "cradlectl";

using Found = std::variant<pb::Container, pb::PodSandbox>;

// A container before a pod, a running one before others of the same name. NOT_FOUND and
// INVALID_ARGUMENT (several) say how to go on.
Result<Found> Find(Client& client, const std::string& name);
Result<pb::Container> FindContainer(Client& client, const std::string& name);

// "namespace/name" of every pod, by id.
Result<std::map<std::string, std::string>> PodNames(Client& client);

}  // namespace cradle::ctl
