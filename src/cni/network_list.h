// NetworkList: what a file in conf_dir says, checked, and what each of its plugins gets on stdin.
// Pure but for LoadNetworkList. Source: CNI specification 1.1.0, section 1; older versions as
// libcni reads them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cradle::cni {

struct PluginConf {
  std::string type;                       // a file name in a bin dir
  std::string json;                       // its object, as in the file
  std::vector<std::string> capabilities;  // those that are true
};

struct NetworkList {
  std::string file;  // its name, for people
  std::string text;  // what was read: all of this comes from it
  std::string name;
  std::string version;  // 0.1.0 to 1.1.0; the highest of cniVersions that we know
  std::vector<PluginConf> plugins;
  bool gc = true;  // false: "disableGC" is set
};

// A list, or a single plugin's configuration (no "plugins"), which becomes a list of one.
Result<NetworkList> ParseNetworkList(std::string text, std::string file);

// The first valid file by name (*.conflist, *.conf, *.json). When there is none: why, for the first
// invalid one.
Result<NetworkList> LoadNetworkList(const std::string& conf_dir);

// True when `version` is at least `than`; both are "major.minor.patch".
bool AtLeast(std::string_view version, std::string_view than);

// JSON texts by capability name.
using RuntimeConfig = std::map<std::string, std::string>;

// What the plugin reads: its object with name and cniVersion of the list, "runtimeConfig" of the
// capabilities that it declares, and "prevResult" unless that is empty.
Result<std::string> PluginInput(const NetworkList& list, const PluginConf& plugin,
                                const RuntimeConfig& runtime, const std::string& prev_result);

struct AttachmentId {
  std::string container_id, ifname;
};
// What it reads for GC: its object with name, cniVersion and the attachments that are to stay.
Result<std::string> GcInput(const NetworkList& list, const PluginConf& plugin,
                            const std::vector<AttachmentId>& valid);

}  // namespace cradle::cni
