#include "image/json.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/printable.h"

namespace cradle::image {
namespace {

constexpr size_t kShownBytes = 100;

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

// The keys of the objects that are being read.
class KeysSeen {
 public:
  void Tell(Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start) open_.emplace_back();
    if (event == Event::object_end) open_.pop_back();
    if (event == Event::key && !open_.back().insert(parsed.get<std::string>()).second) twice_ = parsed.get<std::string>();
  }
  const std::optional<std::string>& twice() const { return twice_; }

 private:
  std::vector<std::set<std::string>> open_;
  std::optional<std::string> twice_;
};

std::string Shown(std::string_view key) { return Cat("\"", Printable(key.substr(0, kShownBytes)), "\""); }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// Whether Go's encoding/json takes `key` for `known`, which is ASCII: it folds the long s and the Kelvin sign, too.
bool FoldsTo(std::string_view key, std::string_view known) {
  for (char wanted : known) {
    std::string_view other = Lower(wanted) == 's' ? "\u017f" : Lower(wanted) == 'k' ? "\u212a" : "";
    if (!other.empty() && key.starts_with(other)) {
      key.remove_prefix(other.size());
    } else {
      if (key.empty() || Lower(key.front()) != Lower(wanted)) return false;
      key.remove_prefix(1);
    }
  }
  return key.empty();
}

Error WrongType(const char* key) { return InvalidArgument(Cat("\"", key, "\" has the wrong type")); }

}  // namespace

Result<Json> ParseJson(std::string_view bytes, const JsonRules& rules) {
  if (IsDeeper(bytes, rules.max_depth))
    return InvalidArgument(Cat("JSON nested deeper than the limit of ", std::to_string(rules.max_depth), rules.note));
  KeysSeen seen;
  Json::parser_callback_t watch;
  if (rules.keys_once)
    watch = [&](int, Json::parse_event_t event, Json& parsed) {
      seen.Tell(event, parsed);
      return true;
    };
  Json json = Json::parse(bytes.begin(), bytes.end(), watch, false);
  if (seen.twice()) return InvalidArgument(Cat("the document says ", Shown(*seen.twice()), " twice"));
  if (json.is_discarded() || !json.is_object()) {
    if (!json.is_discarded() && json.is_array()) return json;
    return InvalidArgument("malformed JSON");
  }
  return json;
}

Result<> CheckKeys(const Json& object, std::initializer_list<std::string_view> keys) {
  if (!object.is_object()) return {};
  for (const auto& [key, value] : object.items())
    for (std::string_view known : keys)
      if (key != known && FoldsTo(key, known))
        return InvalidArgument(Cat("the document says ", Shown(key), ", which some take for \"", known, "\""));
  return {};
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
