// Hostile JSON: parsed without exceptions, with a limit on depth, and read by functions that check types. For this
// folder's .cpp files only (nlohmann/json is slow to compile).
#pragma once

#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cradle::image {

using Json = nlohmann::json;

inline constexpr int kMaxJsonDepth = 64;

struct JsonRules {
  int max_depth = kMaxJsonDepth;
  std::string_view note = {};  // for the error about the depth, such as the configuration's key
  bool keys_once = false;      // an object that has a key twice is read in one way here, in another elsewhere: refused
};
Result<Json> ParseJson(std::string_view bytes, const JsonRules& rules = {});

// Refuses an object with a key that differs from one of `keys` in case only: Go's decoders, and so most tools that make or
// read images, take it for that one. Anything but an object is fine.
Result<> CheckKeys(const Json& object, std::initializer_list<std::string_view> keys);

// A member of an object; null (the JSON value) when it isn't there.
const Json& Member(const Json& object, const char* key);
// "" for null or a missing member; another type is an error naming the key.
Result<std::string> StringMember(const Json& object, const char* key);
Result<std::vector<std::string>> StringsMember(const Json& object, const char* key);
Result<std::map<std::string, std::string>> StringMapMember(const Json& object, const char* key);
Result<uint64_t> NumberMember(const Json& object, const char* key);
// The text of a document of ours; bytes that are no UTF-8 are replaced.
std::string Dump(const Json& json);

}  // namespace cradle::image
