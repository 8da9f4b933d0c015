#include "ctl/status.h"

#include <nlohmann/json.hpp>

namespace cradle::ctl {
namespace {

std::string TextOf(const nlohmann::json& object, const char* name) {
  auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<int> ExitCodeOf(const std::string& status) {
  auto json = nlohmann::json::parse(status, nullptr, false);
  if (TextOf(json, "status") == "Success") return 0;
  if (TextOf(json, "reason") == "NonZeroExitCode") {
    auto causes = nlohmann::json::json_pointer("/details/causes");
    for (const auto& cause : json.contains(causes) ? json[causes] : nlohmann::json())
      if (TextOf(cause, "reason") == "ExitCode") return std::atoi(TextOf(cause, "message").c_str());
  }
  std::string message = TextOf(json, "message");
  return Internal(message.empty() ? Cat("the session ended with: ", status) : message);
}

}  // namespace cradle::ctl
