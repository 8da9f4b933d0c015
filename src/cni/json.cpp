#include "cni/json.h"

namespace cradle::cni {

Result<Json> ParseObject(std::string_view text) {
  constexpr int kMaxDepth = 64;
  bool deep = false;
  auto guard = [&](int depth, Json::parse_event_t, Json&) {
    deep = deep || depth > kMaxDepth;
    return !deep;
  };
  Json value = Json::parse(text, guard, false);
  if (deep) return InvalidArgument("nested too deeply");
  if (!value.is_object()) return InvalidArgument("not a JSON object");
  return value;
}

std::string Dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> FindString(const Json& object, const char* name) {
  const Json* found = Find(object, name);
  if (!found) return std::string();
  if (!found->is_string()) return InvalidArgument(Cat("\"", name, "\" is not a string"));
  return found->get_ref<const std::string&>();
}

const Json& FindArray(const Json& object, const char* name) {
  static const Json kNone = Json::array();
  const Json* found = Find(object, name);
  return found && found->is_array() ? *found : kNone;
}

bool IsTrue(const Json& object, const char* name) {
  const Json* found = Find(object, name);
  return found && found->is_boolean() && found->get<bool>();
}

}  // namespace cradle::cni
