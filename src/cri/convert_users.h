// User namespaces of requests: the pod's, and what its containers and their mounts say of it again. Pure; errors are
// INVALID_ARGUMENT and name `field` and what is below it.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "container/plan.h"
#include "cri/api.pb.h"

namespace cradle::cri {

using IdMappings = google::protobuf::RepeatedPtrField<runtime::v1::IDMapping>;
using Users = std::optional<container::UserNamespace>;

// Unset: the host's (mode NODE). POD takes one range of uids and one of gids, each from id 0.
Result<Users> UsersFrom(const std::string& field, const runtime::v1::UserNamespace& options);
// "{0 -> 65536, 65536 ids}" is the pod's own range, or it is an error.
Result<> CheckSameRange(const std::string& field, const IdMappings& ids, const container::IdRange& pod);
// One of the ids that the pod has; any in a pod without a user namespace.
Result<> CheckMapped(const std::string& field, int64_t id, const container::IdRange* pod);

}  // namespace cradle::cri
