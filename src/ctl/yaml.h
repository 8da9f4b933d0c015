// JSON as YAML's block form, for `-o yaml`. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace cradle::ctl {

// Ends with a newline. Strings that YAML could take for something else are quoted as in JSON.
std::string FormatYaml(const nlohmann::ordered_json& json);

}  // namespace cradle::ctl
