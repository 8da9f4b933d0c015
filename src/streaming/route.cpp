#include "streaming/route.h"

#include "streaming/negotiate.h"

namespace cradle::streaming {

std::optional<Route> FindRoute(std::string_view path) {
  for (Kind kind : {Kind::kExec, Kind::kAttach, Kind::kPortForward}) {
    std::string prefix = Cat("/", NameOf(kind), "/");
    if (path.starts_with(prefix)) return Route{kind, path.substr(prefix.size())};
  }
  return std::nullopt;
}

}  // namespace cradle::streaming
