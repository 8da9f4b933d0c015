// JSON of other people's making: parsed without exceptions, no deeper than 64 levels (dumping
// recurses), accessed by checked look-ups. Include it in few places: it is slow to compile.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/printable.h"
#include "base/result.h"

namespace cradle::cni {

using Json = nlohmann::json;

// An object, or why it isn't one.
Result<Json> ParseObject(std::string_view text);
std::string Dump(const Json& value);

// The member of that name, null when there is none.
inline const Json* Find(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  auto at = object.find(name);
  return at == object.end() ? nullptr : &*at;
}
// "" when there is none; an error when it is no string.
Result<std::string> FindString(const Json& object, const char* name);
// Elements of an array member; none when there is no array.
const Json& FindArray(const Json& object, const char* name);
// True when it is there and true.
bool IsTrue(const Json& object, const char* name);

}  // namespace cradle::cni
