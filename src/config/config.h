// The node's configuration: the file (TOML) with its drop-ins. Parsed once into real types; an unknown key is an error
// that names the nearest known one. The keys, their types and defaults are one table
// (config.cpp), which `cradled --print-config` prints.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace cradle::config {

// A further runtime handler: [handlers.NAME]. What is empty is as for pods that name none.
struct Handler {
  std::string proc_views;
};

inline constexpr char kConfigFile[] = "/etc/cradle/config.toml";

struct Config {
  std::string listen = "unix:///run/cradle/cradle.sock";
  std::string root = "/var/lib/cradle";
  std::string state = "/run/cradle";
  std::string log_level = "info";
  std::vector<std::string> cdi_spec_dirs = {"/etc/cdi", "/var/run/cdi"};
  std::vector<std::string> cdi_hooks;
  std::string cgroup_driver = "auto";
  std::string cni_conf_dir = "/etc/cni/net.d";
  std::vector<std::string> cni_bin_dirs = {"/opt/cni/bin", "/usr/lib/cni"};
  std::string registry_config_path = "/etc/cradle/certs.d";
  std::string registry_credentials = "/etc/cradle/config.json";
  int64_t registry_stall_seconds = 60;
  std::string image_additional_store;
  bool image_keep_blobs = false;
  int64_t image_max_config_bytes = 8 << 20;
  int64_t image_max_json_depth = 64;
  int64_t image_max_layer_bytes = int64_t{64} << 30;
  int64_t image_max_layer_entries = 2'000'000;
  int64_t image_max_layer_extents = 100'000;
  int64_t image_max_layer_header_bytes = 1 << 20;
  int64_t image_max_layer_memory_bytes = int64_t{1} << 30;
  int64_t image_max_layer_name_bytes = 4095;
  int64_t image_max_layer_ratio = 1000;
  int64_t image_max_layers = 500;
  int64_t image_max_manifest_bytes = 4 << 20;
  int64_t image_parallel_downloads = 16;
  int64_t image_parallel_layers = 3;
  std::vector<std::string> image_pinned;
  int64_t registry_parallel_downloads = 8;
  std::vector<std::string> runtime_default_env;
  std::vector<std::string> runtime_default_ulimits;
  bool runtime_device_ownership = false;
  int64_t runtime_parallel_starts = 32;
  std::string runtime_timezone;
  std::string streaming_address = "127.0.0.1";
  int64_t streaming_port = 0;
  int64_t streaming_idle_seconds = 4 * 3600;
  std::string streaming_tls_cert;
  std::string streaming_tls_key;
  std::string streaming_tls_client_ca;
  std::string views_proc = "limited";
  std::map<std::string, Handler> handlers;

  std::string socket_path() const;  // of `listen`
};

// Adds what `path` and the *.toml files of the directory `path`.d (by name) say. A missing file is an error when
// `must_exist`; missing drop-ins never are.
Result<> ReadConfig(const std::string& path, bool must_exist, Config& config);
// Paths absolute, numbers in range, level known: the error names the key and the value.
Result<> CheckConfig(const Config& config);
// The whole configuration as a file that would give it.
std::string FormatConfig(const Config& config);

}  // namespace cradle::config
