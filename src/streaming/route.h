// Route: what a request's path asks for: "/exec/<token>", "/attach/<token>", "/portforward/<token>". Pure.
#pragma once

#include <optional>
#include <string_view>

#include "streaming/plan.h"

namespace cradle::streaming {

struct Route {
  Kind kind = Kind::kExec;
  std::string_view token;  // of the path
};
std::optional<Route> FindRoute(std::string_view path);

}  // namespace cradle::streaming
