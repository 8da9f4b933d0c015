#include "cni/network_list.h"

#include <fcntl.h>

#include <algorithm>
#include <array>

#include "base/sys/file.h"
#include "cni/json.h"

namespace cradle::cni {
namespace {

constexpr size_t kMaxFile = 1 << 20;
constexpr size_t kMaxPlugins = 64;
// In ascending order.
constexpr std::array<std::string_view, 7> kVersions = {"0.1.0", "0.2.0", "0.3.0", "0.3.1",
                                                       "0.4.0", "1.0.0", "1.1.0"};

bool Known(std::string_view version) {
  return std::ranges::find(kVersions, version) != kVersions.end();
}

// Names of networks: a letter or digit, then also '_', '.', '-'.
bool IsName(std::string_view text) {
  auto alnum = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && alnum(static_cast<unsigned char>(text[0])) &&
         std::ranges::all_of(
             text, [&](unsigned char c) { return alnum(c) || c == '_' || c == '.' || c == '-'; });
}

// "cniVersions" (1.1) offers several: the highest that we know. Without any version a list is
// 0.1.0's.
Result<std::string> ChooseVersion(const Json& list) {
  std::string version = TRY(FindString(list, "cniVersion"));
  std::string best = Known(version) ? version : "";
  for (const Json& offered : FindArray(list, "cniVersions")) {
    if (!offered.is_string())
      return InvalidArgument("\"cniVersions\" holds something that is not a string");
    const std::string& text = offered.get_ref<const std::string&>();
    if (Known(text) && (best.empty() || AtLeast(text, best))) best = text;
  }
  if (!best.empty()) return best;
  if (version.empty() && FindArray(list, "cniVersions").empty()) return std::string("0.1.0");
  return InvalidArgument(
      Cat("cniVersion \"", Printable(version), "\" is not one of 0.1.0 to 1.1.0"));
}

Result<PluginConf> ParsePlugin(const Json& object) {
  PluginConf plugin;
  plugin.type = TRY(FindString(object, "type"));
  // It becomes a path below a bin dir.
  if (!IsName(plugin.type))
    return InvalidArgument(Cat("plugin \"type\" \"", Printable(plugin.type), "\" is not a name"));
  plugin.json = Dump(object);
  if (const Json* capabilities = Find(object, "capabilities");
      capabilities && capabilities->is_object())
    for (const auto& [name, wanted] : capabilities->items())
      if (wanted.is_boolean() && wanted.get<bool>()) plugin.capabilities.push_back(name);
  return plugin;
}

Result<NetworkList> Parse(std::string text, std::string file) {
  Json object = TRY(ParseObject(text));
  NetworkList list;
  list.name = TRY(FindString(object, "name"));
  if (!IsName(list.name))
    return InvalidArgument(Cat("network \"name\" \"", Printable(list.name), "\" is not a name"));
  list.version = TRY(ChooseVersion(object));
  // "true" as a string, too, as the specification has it.
  if (const Json* off = Find(object, "disableGC"); off && (*off == true || *off == "true")) list.gc = false;
  if (!Find(object, "plugins")) {
    list.plugins.push_back(TRY(ParsePlugin(object)));
  } else {
    for (const Json& plugin : FindArray(object, "plugins"))
      list.plugins.push_back(TRY(ParsePlugin(plugin)));
    if (list.plugins.empty()) return InvalidArgument("\"plugins\" is empty");
    if (list.plugins.size() > kMaxPlugins)
      return InvalidArgument("\"plugins\" has more than 64 entries");
  }
  list.text = std::move(text);
  list.file = std::move(file);
  return list;
}

Result<Json> CommonInput(const NetworkList& list, const PluginConf& plugin) {
  Json input = TRY(ParseObject(plugin.json));
  input["name"] = list.name;
  input["cniVersion"] = list.version;
  return input;
}

}  // namespace

bool AtLeast(std::string_view version, std::string_view than) {
  return std::ranges::find(kVersions, version) >= std::ranges::find(kVersions, than);
}

Result<NetworkList> ParseNetworkList(std::string text, std::string file) {
  std::string context = Cat("network list ", file);
  return Parse(std::move(text), std::move(file)).With(context);
}

Result<NetworkList> LoadNetworkList(const std::string& conf_dir) {
  auto dir = sys::OpenAt(kCwd, conf_dir, O_RDONLY | O_DIRECTORY);
  if (!dir.ok())
    return std::move(dir.error()).As(Code::kFailedPrecondition).With("no network list");
  std::vector<std::string> names = TRY(sys::ListDir(*dir));
  std::erase_if(names, [](const std::string& name) {
    return !name.ends_with(".conflist") && !name.ends_with(".conf") && !name.ends_with(".json");
  });
  std::ranges::sort(names);
  Error first =
      FailedPrecondition(Cat("no network list in ", conf_dir, " (*.conflist, *.conf, *.json)"));
  bool found = false;
  for (const std::string& name : names) {
    auto text = sys::ReadFile(*dir, name, kMaxFile);
    auto list = text.ok() ? ParseNetworkList(std::move(*text), name)
                          : Result<NetworkList>(std::move(text.error()));
    if (list.ok()) return list;
    if (!found) first = std::move(list.error()).As(Code::kFailedPrecondition).With(conf_dir);
    found = true;
  }
  return first;
}

Result<std::string> PluginInput(const NetworkList& list, const PluginConf& plugin,
                                const RuntimeConfig& runtime, const std::string& prev_result) {
  Json input = TRY(CommonInput(list, plugin));
  Json given = Json::object();
  for (const std::string& capability : plugin.capabilities)
    if (auto at = runtime.find(capability); at != runtime.end()) {
      given[capability] = Json::parse(at->second, nullptr, false);
      if (given[capability].is_discarded())
        return Internal(Cat("capability ", capability, " is not JSON"));
    }
  if (!given.empty()) input["runtimeConfig"] = std::move(given);
  if (!prev_result.empty()) input["prevResult"] = TRY(ParseObject(prev_result));
  return Dump(input);
}

Result<std::string> GcInput(const NetworkList& list, const PluginConf& plugin,
                            const std::vector<AttachmentId>& valid) {
  Json input = TRY(CommonInput(list, plugin));
  Json attachments = Json::array();
  for (const AttachmentId& one : valid)
    attachments.push_back({{"containerID", one.container_id}, {"ifname", one.ifname}});
  input["cni.dev/attachments"] = attachments;  // its name in the first text of 1.1
  input["cni.dev/valid-attachments"] = std::move(attachments);
  return Dump(input);
}

}  // namespace cradle::cni
