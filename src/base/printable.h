// Foreign bytes for an error text: control characters become spaces, what isn't ASCII '?', ends trimmed.
#pragma once

#include <string>
#include <string_view>

namespace cradle {

std::string Printable(std::string_view text);

}  // namespace cradle
