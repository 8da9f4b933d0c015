#include "cdi/spec.h"

#include <algorithm>
#include <array>
#include <limits>

#include "cdi/document.h"

namespace cradle::cdi {
namespace {

constexpr size_t kMaxQuoted = 128;
constexpr std::array<std::string_view, 7> kVersions = {"0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0"};

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAlnum(char c) { return IsAlpha(c) || (c >= '0' && c <= '9'); }
bool IsWord(std::string_view text, std::string_view also) {
  return !text.empty() && IsAlnum(text.front()) && IsAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return IsAlnum(c) || also.find(c) != also.npos; });
}
bool IsDeviceName(std::string_view text) { return IsWord(text, "_-.:"); }
bool IsKind(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == text.npos) return false;
  std::string_view vendor = text.substr(0, slash), name = text.substr(slash + 1);
  return IsWord(vendor, "_-.") && IsAlpha(vendor[0]) && IsWord(name, "_-") && IsAlpha(name[0]);
}

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (unsigned char c : text.substr(0, kMaxQuoted)) out += c < ' ' || c > '~' ? '?' : static_cast<char>(c);
  return out + "\"";
}

// An object of the specification, and where it stands there.
class Node {
 public:
  static Result<Node> Of(const Json& json, std::string where, std::initializer_list<std::string_view> fields) {
    if (!json.is_object()) return InvalidArgument(Cat(where, ": not an object"));
    for (const auto& [key, value] : json.items())
      if (std::find(fields.begin(), fields.end(), key) == fields.end())
        return InvalidArgument(Cat(where, ": unknown field ", Quote(key)));
    return Node(json, std::move(where));
  }

  Error Bad(std::string_view name, std::string_view why) const { return InvalidArgument(Cat(where_, ".", name, ": ", why)); }
  const Json* Find(const char* name) const {
    auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  // "" when there is none.
  Result<std::string> Text(const char* name) const {
    const Json* found = Find(name);
    return found ? AsText(*found, name) : std::string();
  }
  Result<std::string> Path(const char* name) const {
    std::string path = TRY(Text(name));
    if (!path.starts_with('/')) return Bad(name, Cat(Quote(path), " is no absolute path"));
    return path;
  }
  Result<std::vector<std::string>> Texts(const char* name) const {
    std::vector<std::string> out;
    TRYV(ForEach(name, [&](const Json& one, const std::string& where) -> Result<> {
      out.push_back(TRY(AsText(one, where)));
      return {};
    }));
    return out;
  }
  Result<std::optional<int64_t>> Number(const char* name, int64_t most) const {
    const Json* found = Find(name);
    if (!found) return std::optional<int64_t>();
    return std::optional(TRY(AsNumber(*found, name, most)));
  }
  Result<int64_t> AsNumber(const Json& json, std::string_view name, int64_t most) const {
    if (!json.is_number_integer() || json.get<int64_t>() < 0 || json.get<int64_t>() > most)
      return Bad(name, Cat("not a whole number of at most ", std::to_string(most)));
    return json.get<int64_t>();
  }
  // `action` gets each element and its name.
  template <class Action>
  Result<> ForEach(const char* name, Action action) const {
    const Json* list = Find(name);
    if (!list) return {};
    if (!list->is_array()) return Bad(name, "not a list");
    for (size_t i = 0; i < list->size(); ++i) TRYV(action((*list)[i], Cat(name, "[", std::to_string(i), "]")));
    return {};
  }
  std::string Below(std::string_view name) const { return Cat(where_, ".", name); }

 private:
  Node(const Json& json, std::string where) : json_(json), where_(std::move(where)) {}
  Result<std::string> AsText(const Json& json, std::string_view name) const {
    if (!json.is_string()) return Bad(name, "not a string");
    const auto& text = json.get_ref<const std::string&>();
    if (text.find('\0') != text.npos) return Bad(name, "has a NUL byte");
    return text;
  }

  const Json& json_;
  std::string where_;
};

constexpr int64_t kMaxId = std::numeric_limits<uint32_t>::max() - 1;

std::optional<uint32_t> Narrow(std::optional<int64_t> number) {
  return number ? std::optional(static_cast<uint32_t>(*number)) : std::nullopt;
}

Result<DeviceNode> ParseDeviceNode(const Json& json, const std::string& where) {
  Node node = TRY(Node::Of(
      json, where, {"path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid"}));
  DeviceNode device;
  device.path = TRY(node.Path("path"));
  device.host_path = node.Find("hostPath") ? TRY(node.Path("hostPath")) : device.path;
  device.type = TRY(node.Text("type"));
  if (device.type == "u") device.type.front() = 'c';  // mknod(1)'s other name
  if (!device.type.empty() && device.type != "c" && device.type != "b")
    return node.Bad("type", Cat(Quote(device.type), " is not b, c or u"));
  device.major = TRY(node.Number("major", 0xfff)).value_or(0);
  device.minor = TRY(node.Number("minor", 0xfffff)).value_or(0);
  device.mode = Narrow(TRY(node.Number("fileMode", 07777)));
  device.uid = Narrow(TRY(node.Number("uid", kMaxId)));
  device.gid = Narrow(TRY(node.Number("gid", kMaxId)));
  if (std::string permissions = TRY(node.Text("permissions")); !permissions.empty()) {
    if (permissions.size() > 3 || permissions.find_first_not_of("rwm") != permissions.npos)
      return node.Bad("permissions", Cat(Quote(permissions), " are not of \"rwm\""));
    device.permissions = permissions;
  }
  return device;
}

Result<Mount> ParseMount(const Json& json, const std::string& where) {
  Node node = TRY(Node::Of(json, where, {"hostPath", "containerPath", "options", "type"}));
  Mount mount;
  mount.host_path = TRY(node.Path("hostPath"));
  mount.container_path = TRY(node.Path("containerPath"));
  mount.options = TRY(node.Texts("options"));
  std::string type = TRY(node.Text("type"));
  if (!type.empty() && type != "bind" && type != "none") return node.Bad("type", Cat(Quote(type), " is no bind mount"));
  return mount;
}

Result<Hook> ParseHook(const Json& json, const std::string& where) {
  Node node = TRY(Node::Of(json, where, {"hookName", "path", "args", "env", "timeout"}));
  Hook hook;
  hook.stage = TRY(node.Text("hookName"));
  if (std::find(std::begin(kStages), std::end(kStages), hook.stage) == std::end(kStages))
    return node.Bad("hookName", Cat("no hook is called ", Quote(hook.stage)));
  hook.path = TRY(node.Path("path"));
  hook.args = TRY(node.Texts("args"));
  hook.env = TRY(node.Texts("env"));
  hook.timeout_seconds = static_cast<uint32_t>(TRY(node.Number("timeout", 3600)).value_or(0));
  return hook;
}

Result<Edits> ParseEdits(const Json& json, const std::string& where) {
  Node node = TRY(
      Node::Of(json, where, {"env", "deviceNodes", "mounts", "hooks", "additionalGids", "additionalGIDs", "intelRdt"}));
  Edits edits;
  edits.env = TRY(node.Texts("env"));
  for (const std::string& entry : edits.env)
    if (entry.find('=') == entry.npos || entry[0] == '=') return node.Bad("env", Cat(Quote(entry), " is not NAME=VALUE"));
  TRYV(node.ForEach("deviceNodes", [&](const Json& one, const std::string& at) -> Result<> {
    edits.devices.push_back(TRY(ParseDeviceNode(one, node.Below(at))));
    return {};
  }));
  TRYV(node.ForEach("mounts", [&](const Json& one, const std::string& at) -> Result<> {
    edits.mounts.push_back(TRY(ParseMount(one, node.Below(at))));
    return {};
  }));
  TRYV(node.ForEach("hooks", [&](const Json& one, const std::string& at) -> Result<> {
    edits.hooks.push_back(TRY(ParseHook(one, node.Below(at))));
    return {};
  }));
  for (const char* name : {"additionalGids", "additionalGIDs"})
    TRYV(node.ForEach(name, [&](const Json& one, const std::string& at) -> Result<> {
      int64_t gid = TRY(node.AsNumber(one, at, kMaxId));
      if (gid != 0) edits.additional_gids.push_back(static_cast<uint32_t>(gid));  // root's is nobody's to give
      return {};
    }));
  edits.intel_rdt = node.Find("intelRdt") != nullptr;
  return edits;
}

Result<> ParseDevices(const Node& root, Spec& spec) {
  return root.ForEach("devices", [&](const Json& one, const std::string& at) -> Result<> {
    Node node = TRY(Node::Of(one, at, {"name", "annotations", "containerEdits"}));
    std::string name = TRY(node.Text("name"));
    if (!IsDeviceName(name)) return node.Bad("name", Cat(Quote(name), " is no device's name"));
    const Json* edits = node.Find("containerEdits");
    auto [device, added] = spec.devices.try_emplace(name);
    if (!added) return node.Bad("name", Cat(Quote(name), " stands twice"));
    if (edits) device->second = TRY(ParseEdits(*edits, Cat(at, ".containerEdits")));
    return {};
  });
}

}  // namespace

void Edits::Append(const Edits& more) {
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(env, more.env);
  append(devices, more.devices);
  append(mounts, more.mounts);
  append(hooks, more.hooks);
  append(additional_gids, more.additional_gids);
  intel_rdt = intel_rdt || more.intel_rdt;
}

Result<Spec> Spec::Parse(std::string_view text) {
  Json json = TRY(ParseDocument(text));
  Node root = TRY(Node::Of(json, "spec", {"cdiVersion", "kind", "annotations", "devices", "containerEdits"}));
  std::string version = TRY(root.Text("cdiVersion"));
  if (std::find(kVersions.begin(), kVersions.end(), version) == kVersions.end())
    return root.Bad("cdiVersion", Cat(Quote(version), " is not one of 0.3.0 to 1.0.0"));
  Spec spec;
  spec.kind = TRY(root.Text("kind"));
  if (!IsKind(spec.kind)) return root.Bad("kind", Cat(Quote(spec.kind), " is not vendor/class"));
  TRYV(ParseDevices(root, spec));
  if (spec.devices.empty()) return root.Bad("devices", "none");
  if (const Json* edits = root.Find("containerEdits")) spec.edits = TRY(ParseEdits(*edits, "containerEdits"));
  return spec;
}

Result<DeviceName> DeviceName::Parse(std::string_view text) {
  size_t equals = text.find('=');
  DeviceName name{std::string(text.substr(0, equals)),
                  equals == text.npos ? std::string() : std::string(text.substr(equals + 1))};
  if (!IsKind(name.kind) || !IsDeviceName(name.device))
    return InvalidArgument(Cat("CDI device ", Quote(text), ": not of the form vendor/class=name"));
  return name;
}

std::vector<std::string> NamesIn(std::string_view key, std::string_view value) {
  std::vector<std::string> names;
  if (!key.starts_with("cdi.k8s.io/")) return names;
  for (size_t begin = 0; begin <= value.size();) {
    size_t end = std::min(value.find(',', begin), value.size());
    names.emplace_back(value.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

}  // namespace cradle::cdi
