#include "cri/inspect.h"

#include <nlohmann/json.hpp>

namespace cradle::cri {
namespace {

using nlohmann::ordered_json;

// A record's own text; an environment may hold bytes that are no UTF-8.
ordered_json Document(const std::string& text) {
  ordered_json parsed = ordered_json::parse(text, nullptr, false);
  return parsed.is_discarded() ? ordered_json(text) : parsed;
}

ordered_json Steps(const std::vector<std::pair<std::string, int64_t>>& laps) {
  ordered_json steps = ordered_json::array();
  for (const auto& [name, micros] : laps) {
    steps.push_back({{"step", name}, {"microseconds", micros}});
  }
  return steps;
}

std::string Text(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

const char* NameOf(sandbox::State state) {
  switch (state) {
    case sandbox::State::kCreated:
      return "CREATED";
    case sandbox::State::kRunning:
      return "RUNNING";
    case sandbox::State::kExited:
      return "EXITED";
    case sandbox::State::kUnknown:
      break;
  }
  return "UNKNOWN";
}

}  // namespace

std::string InspectPod(const sandbox::PodView& pod) {
  return Text({{"kind", "pod"},
               {"id", pod.record.id.str()},
               {"state", pod.ready ? "READY" : "NOTREADY"},
               {"pid", pod.pause_pid},
               {"shimPid", pod.shim_pid},
               {"ips", pod.ips},
               {"netns", pod.netns_path},
               {"steps", Steps(pod.laps)},
               {"config", Document(pod.record.ToJson())}});
}

std::string InspectContainer(const sandbox::ContainerView& container) {
  const container::ContainerRecord& record = *container.record;
  ordered_json json = {{"kind", "container"},
                       {"id", record.id.str()},
                       {"sandboxID", record.pod.str()},
                       {"state", NameOf(container.state)},
                       {"pid", container.pid},
                       {"startedAt", container.started_at},
                       {"cgroup", record.cgroup},
                       {"logPath", record.log_path},
                       {"layers", record.image.layer_dirs},
                       {"user",
                        {{"uid", container.user.uid},
                         {"gid", container.user.gid},
                         {"groups", container.user.groups}}},
                       {"steps", Steps(container.laps)}};
  if (container.state == sandbox::State::kExited) json["exit"] = Document(container.exit.ToJson());
  json["config"] = Document(record.ToJson());
  return Text(json);
}

}  // namespace cradle::cri
