#include "config/config.h"

#include <fcntl.h>

#include <algorithm>
#include <numeric>
#include <variant>

#include "base/fd.h"
#include "base/sys/file.h"
#include "base/toml.h"
#include "container/defaults.h"

namespace cradle::config {
namespace {

constexpr size_t kMaxFile = 1 << 20;
constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kHandlers = "handlers", kProcViews = "proc_views";

struct Key {
  std::string_view name;  // "section.key"
  std::variant<std::string Config::*, int64_t Config::*, bool Config::*, std::vector<std::string> Config::*> member;
  std::string_view help;
};

constexpr Key kKeys[] = {
    {"listen", &Config::listen, "socket of the CRI, unix:///path"},
    {"root", &Config::root, "images, writable layers, records; survives a reboot"},
    {"state", &Config::state, "run state, a tmpfs (mounted when it is none)"},
    {"log_level", &Config::log_level, "debug, info, warning or error"},
    {"cdi.spec_dirs", &Config::cdi_spec_dirs, "specifications of devices, *.json and *.yaml; a later folder wins"},
    {"cdi.hooks", &Config::cdi_hooks, "programs that these specifications may run; others are refused"},
    {"cgroup.driver", &Config::cgroup_driver,
     "who makes cgroups: cgroupfs, systemd, or auto (systemd where it runs, with cgroup v2)"},
    {"cni.conf_dir", &Config::cni_conf_dir, "network lists; the first by name is taken"},
    {"cni.bin_dirs", &Config::cni_bin_dirs, "where plugins are looked for"},
    {"image.additional_store", &Config::image_additional_store, "root of another store, read only; empty: none"},
    {"image.keep_blobs", &Config::image_keep_blobs, "compressed layers stay, too, so that exports give the same images"},
    {"image.max_config_bytes", &Config::image_max_config_bytes, "of an image's config, at most 64 MiB"},
    {"image.max_json_depth", &Config::image_max_json_depth, "of manifests and configs, 8 to 256"},
    {"image.max_layer_bytes", &Config::image_max_layer_bytes, "of one layer, unpacked"},
    {"image.max_layer_entries", &Config::image_max_layer_entries, "files and folders of one layer"},
    {"image.max_layer_extents", &Config::image_max_layer_extents, "pieces of one sparse file"},
    {"image.max_layer_header_bytes", &Config::image_max_layer_header_bytes, "long names and attributes of one file"},
    {"image.max_layer_memory_bytes", &Config::image_max_layer_memory_bytes, "that unpacking one layer may take, at least 256 MiB"},
    {"image.max_layer_name_bytes", &Config::image_max_layer_name_bytes, "of a file's name with its folders, at most 4095"},
    {"image.max_layer_ratio", &Config::image_max_layer_ratio, "of a layer's size unpacked to compressed"},
    {"image.max_layers", &Config::image_max_layers, "of an image, at most 500"},
    {"image.max_manifest_bytes", &Config::image_max_manifest_bytes, "of a manifest or an index, at most 64 MiB"},
    {"image.parallel_downloads", &Config::image_parallel_downloads, "layers fetched at once by all pulls, 1 to 256"},
    {"image.parallel_layers", &Config::image_parallel_layers, "downloads at once of one pull, 1 to 64"},
    {"image.pinned", &Config::image_pinned, "names or patterns of images that no clean-up removes"},
    {"registry.config_path", &Config::registry_config_path, "folders with hosts.toml"},
    {"registry.credentials", &Config::registry_credentials, "docker's config.json, for pulls that bring no credentials"},
    {"registry.parallel_downloads", &Config::registry_parallel_downloads, "layers fetched at once from one, 1 to 256"},
    {"registry.stall_seconds", &Config::registry_stall_seconds, "a download without a byte for so long is tried again"},
    {"runtime.default_env", &Config::runtime_default_env, "environment of containers, NAME=VALUE; images and pods win"},
    {"runtime.default_ulimits", &Config::runtime_default_ulimits, "resource limits of containers: nofile=SOFT:HARD, core=0, ..."},
    {"runtime.device_ownership_from_security_context", &Config::runtime_device_ownership,
     "devices of a container belong to its run_as_user and run_as_group"},
    {"runtime.parallel_starts", &Config::runtime_parallel_starts, "pods and containers made at once, 1 to 1024"},
    {"runtime.timezone", &Config::runtime_timezone, "of containers: Local, or a zone's name; empty: the image's"},
    {"streaming.address", &Config::streaming_address, "IP address where exec, attach and port-forward are served"},
    {"streaming.idle_seconds", &Config::streaming_idle_seconds, "sessions without data end after it; 0: never"},
    {"streaming.port", &Config::streaming_port, "its port; 0: any"},
    {"streaming.tls_cert", &Config::streaming_tls_cert, "PEM file; with it the URLs are https, and sessions end with the daemon"},
    {"streaming.tls_client_ca", &Config::streaming_tls_client_ca, "PEM file; with it clients need a certificate of one of these"},
    {"streaming.tls_key", &Config::streaming_tls_key, "PEM file: the key of tls_cert"},
    {"views.proc", &Config::views_proc, "whose /proc shows its own figures: limited (containers with a limit), all or off"},
};

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t next = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = std::exchange(row[j], next);
    }
  }
  return row.back();
}

Error UnknownKey(std::string_view name) {
  const Key* nearest = std::min_element(std::begin(kKeys), std::end(kKeys), [&](const Key& a, const Key& b) {
    return EditDistance(a.name, name) < EditDistance(b.name, name);
  });
  return InvalidArgument(Cat("unknown key \"", name, "\"; did you mean \"", nearest->name, "\"?"));
}

Error WrongType(std::string_view name, std::string_view wanted) {
  return InvalidArgument(Cat("key \"", name, "\" must be ", wanted));
}

Result<> SetKey(const Key& key, const toml::node& node, Config& config) {
  if (auto text = std::get_if<std::string Config::*>(&key.member)) {
    auto value = node.value_exact<std::string>();
    if (!value) return WrongType(key.name, "a string");
    config.*(*text) = *value;
  } else if (auto number = std::get_if<int64_t Config::*>(&key.member)) {
    auto value = node.value_exact<int64_t>();
    if (!value) return WrongType(key.name, "a whole number");
    config.*(*number) = *value;
  } else if (auto truth = std::get_if<bool Config::*>(&key.member)) {
    auto value = node.value_exact<bool>();
    if (!value) return WrongType(key.name, "true or false");
    config.*(*truth) = *value;
  } else {
    const toml::array* list = node.as_array();
    if (!list) return WrongType(key.name, "a list of strings");
    std::vector<std::string> values;
    for (const toml::node& one : *list) {
      auto value = one.value_exact<std::string>();
      if (!value) return WrongType(key.name, "a list of strings");
      values.push_back(*value);
    }
    config.*std::get<std::vector<std::string> Config::*>(key.member) = std::move(values);
  }
  return {};
}

Result<> ReadHandlers(const toml::table& table, Config& config) {
  for (const auto& [name, node] : table) {
    std::string full = Cat("handlers.", name.str());
    const toml::table* keys = node.as_table();
    if (!keys) return WrongType(full, "a table");
    Handler& handler = config.handlers[std::string(name.str())];
    for (const auto& [key, value] : *keys) {
      std::string key_name = Cat(full, ".", key.str());
      if (key.str() != kProcViews)
        return InvalidArgument(Cat("unknown key \"", key_name, "\"; did you mean \"", full, ".", kProcViews, "\"?"));
      auto text = value.value_exact<std::string>();
      if (!text) return WrongType(key_name, "a string");
      handler.proc_views = *text;
    }
  }
  return {};
}

Result<> ReadTable(const toml::table& table, const std::string& prefix, Config& config) {
  for (const auto& [name, node] : table) {
    std::string full = prefix + std::string(name.str());
    if (full == kHandlers && node.is_table()) {
      TRYV(ReadHandlers(*node.as_table(), config));
      continue;
    }
    if (const toml::table* section = node.as_table()) {
      if (!prefix.empty()) return UnknownKey(full);
      bool known = std::any_of(std::begin(kKeys), std::end(kKeys),
                               [&](const Key& key) { return key.name.starts_with(full + "."); });
      if (!known) return UnknownKey(full);
      TRYV(ReadTable(*section, full + ".", config));
      continue;
    }
    auto key = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& one) { return one.name == full; });
    if (key == std::end(kKeys)) return UnknownKey(full);
    TRYV(SetKey(*key, node, config));
  }
  return {};
}

Result<> ReadOne(const std::string& path, Config& config) {
  std::string text = TRY(sys::ReadFile(kCwd, path, kMaxFile));
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return InvalidArgument(Cat(path, ":", std::to_string(error.source().begin.line), ": ", error.description()));
  }
  return ReadTable(table, "", config).With(path);
}

Result<> CheckPath(std::string_view key, const std::string& value) {
  if (value.starts_with('/') && value.find("/../") == std::string::npos) return {};
  return InvalidArgument(Cat(key, " = \"", value, "\": must be an absolute path"));
}

Result<> CheckRange(std::string_view key, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return {};
  return InvalidArgument(Cat(key, " = ", std::to_string(value), ": must be between ", std::to_string(low), " and ",
                             std::to_string(high)));
}

Result<> CheckTls(const Config& config) {
  if (config.streaming_tls_cert.empty() != config.streaming_tls_key.empty())
    return InvalidArgument("streaming.tls_cert, streaming.tls_key: one needs the other");
  if (config.streaming_tls_cert.empty() && !config.streaming_tls_client_ca.empty())
    return InvalidArgument("streaming.tls_client_ca: needs streaming.tls_cert");
  if (config.streaming_tls_cert.empty()) return {};
  TRYV(CheckPath("streaming.tls_cert", config.streaming_tls_cert));
  TRYV(CheckPath("streaming.tls_key", config.streaming_tls_key));
  if (config.streaming_tls_client_ca.empty()) return {};
  return CheckPath("streaming.tls_client_ca", config.streaming_tls_client_ca);
}

// The highest are what a store still reads (image/limits.h) and what the kernel can do.
Result<> CheckImageLimits(const Config& config) {
  TRYV(CheckRange("image.max_config_bytes", config.image_max_config_bytes, 4096, 64 << 20));
  TRYV(CheckRange("image.max_json_depth", config.image_max_json_depth, 8, 256));
  TRYV(CheckRange("image.max_layer_bytes", config.image_max_layer_bytes, 1 << 20, int64_t{1} << 50));
  TRYV(CheckRange("image.max_layer_entries", config.image_max_layer_entries, 1000, 1'000'000'000));
  TRYV(CheckRange("image.max_layer_extents", config.image_max_layer_extents, 1000, 100'000'000));
  TRYV(CheckRange("image.max_layer_header_bytes", config.image_max_layer_header_bytes, 8192, 64 << 20));
  TRYV(CheckRange("image.max_layer_memory_bytes", config.image_max_layer_memory_bytes, 256 << 20, int64_t{1} << 40));
  TRYV(CheckRange("image.max_layer_name_bytes", config.image_max_layer_name_bytes, 255, 4095));
  TRYV(CheckRange("image.max_layer_ratio", config.image_max_layer_ratio, 10, 1'000'000));
  TRYV(CheckRange("image.max_layers", config.image_max_layers, 1, 500));
  return CheckRange("image.max_manifest_bytes", config.image_max_manifest_bytes, 4096, 64 << 20);
}

Result<> CheckViews(std::string_view key, const std::string& value) {
  if (value == "limited" || value == "all" || value == "off") return {};
  return InvalidArgument(Cat(key, " = \"", value, "\": must be limited, all or off"));
}

// As Kubernetes has it: a DNS label.
Result<> CheckHandler(const std::string& name, const Handler& handler) {
  std::string full = Cat(kHandlers, ".", name);
  bool label = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (!label || name.empty() || name.size() > 63 || name.front() == '-' || name.back() == '-')
    return InvalidArgument(Cat(full, ": a handler's name must be a DNS label"));
  return handler.proc_views.empty() ? Result<>() : CheckViews(Cat(full, ".", kProcViews), handler.proc_views);
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

std::string FormatValue(const Key& key, const Config& config) {
  if (auto text = std::get_if<std::string Config::*>(&key.member)) return Quoted(config.*(*text));
  if (auto number = std::get_if<int64_t Config::*>(&key.member)) return std::to_string(config.*(*number));
  if (auto truth = std::get_if<bool Config::*>(&key.member)) return config.*(*truth) ? "true" : "false";
  std::string out;
  for (const std::string& one : config.*std::get<std::vector<std::string> Config::*>(key.member))
    out += Cat(out.empty() ? "" : ", ", Quoted(one));
  return Cat("[", out, "]");
}

}  // namespace

std::string Config::socket_path() const {
  return listen.starts_with(kUnix) ? listen.substr(kUnix.size()) : listen;
}

Result<> ReadConfig(const std::string& path, bool must_exist, Config& config) {
  if (must_exist || sys::Exists(kCwd, path)) TRYV(ReadOne(path, config));
  auto dir = sys::OpenAt(kCwd, path + ".d", O_RDONLY | O_DIRECTORY);
  if (!dir.ok()) return {};
  std::vector<std::string> names = TRY(sys::ListDir(*dir));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names)
    if (name.ends_with(".toml")) TRYV(ReadOne(Cat(path, ".d/", name), config));
  return {};
}

Result<> CheckConfig(const Config& config) {
  TRYV(CheckPath("listen", config.socket_path()));
  TRYV(CheckPath("root", config.root));
  TRYV(CheckPath("state", config.state));
  for (const std::string& dir : config.cdi_spec_dirs) TRYV(CheckPath("cdi.spec_dirs", dir));
  for (const std::string& program : config.cdi_hooks) TRYV(CheckPath("cdi.hooks", program));
  TRYV(CheckPath("cni.conf_dir", config.cni_conf_dir));
  for (const std::string& dir : config.cni_bin_dirs) TRYV(CheckPath("cni.bin_dirs", dir));
  TRYV(CheckPath("registry.config_path", config.registry_config_path));
  TRYV(CheckPath("registry.credentials", config.registry_credentials));
  TRYV(CheckRange("registry.stall_seconds", config.registry_stall_seconds, 1, 3600));
  if (!config.image_additional_store.empty()) TRYV(CheckPath("image.additional_store", config.image_additional_store));
  TRYV(CheckImageLimits(config));
  TRYV(CheckRange("image.parallel_downloads", config.image_parallel_downloads, 1, 256));
  TRYV(CheckRange("registry.parallel_downloads", config.registry_parallel_downloads, 1, 256));
  TRYV(CheckRange("image.parallel_layers", config.image_parallel_layers, 1, 64));
  TRYV(CheckRange("runtime.parallel_starts", config.runtime_parallel_starts, 1, 1024));
  for (const std::string& entry : config.runtime_default_env)
    TRYV(container::CheckEnvEntry(entry).With("runtime.default_env"));
  for (const std::string& limit : config.runtime_default_ulimits)
    TRY(container::ParseRlimit(limit).With("runtime.default_ulimits"));
  TRYV(CheckRange("streaming.port", config.streaming_port, 0, 65535));
  TRYV(CheckTls(config));
  TRYV(CheckRange("streaming.idle_seconds", config.streaming_idle_seconds, 0, 365 * 24 * 3600));
  if (config.cgroup_driver != "auto" && config.cgroup_driver != "cgroupfs" && config.cgroup_driver != "systemd")
    return InvalidArgument(
        Cat("cgroup.driver = \"", config.cgroup_driver, "\": must be cgroupfs, systemd or auto"));
  TRYV(CheckViews("views.proc", config.views_proc));
  for (const auto& [name, handler] : config.handlers) TRYV(CheckHandler(name, handler));
  log::Level level;
  if (!log::ParseLevel(config.log_level, level))
    return InvalidArgument(
        Cat("log_level = \"", config.log_level, "\": must be debug, info, warning or error"));
  return {};
}

std::string FormatConfig(const Config& config) {
  std::string out, section;
  for (const Key& key : kKeys) {
    size_t dot = key.name.find('.');
    std::string_view own = dot == std::string_view::npos ? std::string_view() : key.name.substr(0, dot);
    if (own != section) {
      section = own;
      out += Cat("\n[", section, "]\n");
    }
    std::string_view name = dot == std::string_view::npos ? key.name : key.name.substr(dot + 1);
    out += Cat("# ", key.help, "\n", name, " = ", FormatValue(key, config), "\n");
  }
  out += Cat("\n# further runtime handlers, for RuntimeClasses\n", config.handlers.empty() ? "# [handlers.NAME]\n" : "");
  for (const auto& [name, handler] : config.handlers) {
    out += Cat("[", kHandlers, ".", name, "]\n");
    if (!handler.proc_views.empty()) out += Cat(kProcViews, " = ", Quoted(handler.proc_views), "\n");
  }
  return out;
}

}  // namespace cradle::config
