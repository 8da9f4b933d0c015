#include "image/json.h"

#include <algorithm>

namespace cradle::image {
namespace {

// nlohmann builds (and destroys) by recursion: the depth is checked on the text.
bool IsDeeper(std::string_view bytes, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    char c = bytes[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_depth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

Error WrongType(const char* key) { return InvalidArgument(Cat("\"", key, "\" has the wrong type")); }

}  // namespace

Result<Json> ParseJson(std::string_view bytes, int max_depth, std::string_view note) {
  if (IsDeeper(bytes, max_depth))
    return InvalidArgument(Cat("JSON nested deeper than the limit of ", std::to_string(max_depth), note));
  Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    if (!json.is_discarded() && json.is_array()) return json;
    return InvalidArgument("malformed JSON");
  }
  return json;
}

const Json& Member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

Result<std::string> StringMember(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  if (value.is_null()) return std::string();
  if (!value.is_string()) return WrongType(key);
  return value.get<std::string>();
}

Result<std::vector<std::string>> StringsMember(const Json& object, const char* key) {
  std::vector<std::string> out;
  const Json& value = Member(object, key);
  if (value.is_null()) return out;
  if (!value.is_array()) return WrongType(key);
  for (const Json& item : value) {
    if (!item.is_string()) return WrongType(key);
    out.push_back(item.get<std::string>());
  }
  return out;
}

Result<std::map<std::string, std::string>> StringMapMember(const Json& object, const char* key) {
  std::map<std::string, std::string> out;
  const Json& value = Member(object, key);
  if (value.is_null()) return out;
  if (!value.is_object()) return WrongType(key);
  for (const auto& [name, item] : value.items()) {
    if (!item.is_string()) return WrongType(key);
    out[name] = item.get<std::string>();
  }
  return out;
}

Result<uint64_t> NumberMember(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  if (value.is_null()) return uint64_t{0};
  if (!value.is_number_unsigned()) return WrongType(key);
  return value.get<uint64_t>();
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace cradle::image
