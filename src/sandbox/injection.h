// CDI devices (src/cdi) of a container: what they change in its spec, and their hooks.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cdi/edits.h"
#include "container/spec.h"

namespace cradle::sandbox {

struct CdiConfig {
  std::vector<std::string> spec_dirs;  // a later one wins
  std::vector<std::string> hooks;      // programs that may run
};

// Adds to the record's spec what its cdi_devices say, and keeps what was asked for. Without any, changes nothing.
Result<> InjectDevices(const CdiConfig& config, container::ContainerRecord& record);
// The request's fingerprint, as it came.
std::string AskedFingerprint(const container::ContainerRecord& record);
// Those of the stages, in the stages' order.
std::vector<cdi::Hook> HooksOf(const container::ContainerRecord& record, std::initializer_list<const char*> stages);

}  // namespace cradle::sandbox
