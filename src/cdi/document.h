// The text of a specification as a JSON value: JSON, or YAML, which is what most vendors' tools write. YAML is parsed by
// libyaml, which is loaded when the first such file is read; without anchors, aliases and tags, and one document a file.
// Include it in few places: nlohmann/json.hpp is slow to compile.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace cradle::cdi {

using Json = nlohmann::json;

// No deeper than 64 levels, no key twice, an object. Any thread.
Result<Json> ParseDocument(std::string_view text);

}  // namespace cradle::cdi
