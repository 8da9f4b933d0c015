// What a CDI specification changes in a container, as plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cradle::cdi {

struct DeviceNode {
  std::string path;       // in the container
  std::string host_path;  // never empty
  std::string type;       // "", "c" or "b"; "" is that of the host's node
  int64_t major = 0;      // 0: that of the host's node
  int64_t minor = 0;
  std::optional<uint32_t> mode, uid, gid;  // unset: those of the host's node
  std::string permissions = "rwm";
};

struct Mount {
  std::string host_path, container_path;
  std::vector<std::string> options;  // as for mount(8)
};

struct Hook {
  std::string stage;  // one of kStages
  std::string path;
  std::vector<std::string> args;     // with argv[0]; may be empty
  std::vector<std::string> env;      // whole
  uint32_t timeout_seconds = 0;      // 0: none of its own
};

// As the OCI runtime specification names them. All but startContainer's are the host's programs.
inline constexpr char kPrestart[] = "prestart";
inline constexpr char kCreateRuntime[] = "createRuntime";
inline constexpr char kCreateContainer[] = "createContainer";
inline constexpr char kStartContainer[] = "startContainer";
inline constexpr char kPoststart[] = "poststart";
inline constexpr char kPoststop[] = "poststop";
inline constexpr const char* kStages[] = {kPrestart,       kCreateRuntime, kCreateContainer,
                                           kStartContainer, kPoststart,     kPoststop};

struct Edits {
  std::vector<std::string> env;
  std::vector<DeviceNode> devices;
  std::vector<Mount> mounts;
  std::vector<Hook> hooks;
  std::vector<uint32_t> additional_gids;
  bool intel_rdt = false;  // asked for, and not available

  void Append(const Edits& more);
};

}  // namespace cradle::cdi
