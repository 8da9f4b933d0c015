#include "cri/convert_users.h"

#include <limits>

#include "cri/check.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

constexpr uint64_t kIds = std::numeric_limits<uint32_t>::max();  // the last one means none

Result<container::IdRange> RangeFrom(const std::string& field, const IdMappings& ids) {
  if (ids.size() != 1) return Bad(field, int64_t{ids.size()}, "must be one mapping");
  const pb::IDMapping& one = ids.Get(0);
  if (one.container_id() != 0) return Bad(field, int64_t{one.container_id()}, "must map id 0");
  if (one.length() == 0) return Bad(field + "[0].length", int64_t{0}, "must not be 0");
  if (uint64_t{one.host_id()} + one.length() > kIds)
    return Bad(field + "[0].host_id", int64_t{one.host_id()},
               Cat("with length ", std::to_string(one.length()), " goes beyond the last id"));
  return container::IdRange{one.host_id(), one.length()};
}

}  // namespace

Result<Users> UsersFrom(const std::string& field, const pb::UserNamespace& options) {
  std::string mode = Cat(field, ".mode");
  if (options.mode() == pb::NODE) {
    if (options.uids_size() + options.gids_size() == 0) return Users();
    return Bad(mode, "NODE", "goes with no mapping");
  }
  if (options.mode() != pb::POD) {
    return Bad(mode, pb::NamespaceMode_Name(options.mode()), "must be POD or NODE");
  }
  container::UserNamespace users;
  users.uids = TRY(RangeFrom(Cat(field, ".uids"), options.uids()));
  users.gids = TRY(RangeFrom(Cat(field, ".gids"), options.gids()));
  return Users(users);
}

Result<> CheckSameRange(const std::string& field, const IdMappings& ids, const container::IdRange& pod) {
  if (TRY(RangeFrom(field, ids)) == pod) return {};
  return Bad(field + "[0].host_id", int64_t{ids.Get(0).host_id()}, "is not the pod's mapping");
}

Result<> CheckMapped(const std::string& field, int64_t id, const container::IdRange* pod) {
  if (!pod || id < pod->length) return {};
  return Bad(field, id, Cat("the pod's user namespace has ids 0 to ", std::to_string(pod->length - 1)));
}

}  // namespace cradle::cri
