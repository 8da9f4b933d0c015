#include "ctl/yaml.h"

#include <algorithm>
#include <cctype>

namespace cradle::ctl {
namespace {

using nlohmann::ordered_json;

// Begins with a letter or '/', and holds nothing that means something to YAML.
bool IsPlain(const std::string& text) {
  if (text.empty() || !(std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/'))
    return false;
  bool harmless = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '/' || c == '.' || c == '_' || c == '-' || c == '@' || c == '+';
  });
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  static constexpr const char* kWords[] = {"true", "false", "yes", "no", "on",
                                           "off",  "null",  "y",   "n"};
  return harmless && std::find(std::begin(kWords), std::end(kWords), lower) == std::end(kWords);
}

std::string Scalar(const ordered_json& value) {
  if (value.is_string() && IsPlain(value.get_ref<const std::string&>()))
    return value.get<std::string>();
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void Append(const ordered_json& value, size_t depth, std::string& out);

// What follows "key:" or "-".
void AppendValue(const ordered_json& value, size_t depth, std::string& out) {
  if (value.is_structured() && !value.empty()) {
    out += "\n";
    Append(value, depth + 1, out);
  } else {
    out += " " + Scalar(value) + "\n";
  }
}

void Append(const ordered_json& value, size_t depth, std::string& out) {
  std::string indent(depth * 2, ' ');
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, item] : value.items()) {
      out += indent + Scalar(ordered_json(key)) + ":";
      AppendValue(item, depth, out);
    }
  } else if (value.is_array() && !value.empty()) {
    for (const auto& item : value) {
      // The item stands a step further in, but for the dash in front of it.
      std::string text;
      Append(item, depth + 1, text);
      out += indent + "- " + text.substr(indent.size() + 2);
    }
  } else {
    out += indent + Scalar(value) + "\n";
  }
}

}  // namespace

std::string FormatYaml(const ordered_json& json) {
  std::string out;
  Append(json, 0, out);
  return out;
}

}  // namespace cradle::ctl
