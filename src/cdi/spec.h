// A CDI specification (github.com/cncf-tags/container-device-interface, SPEC.md, 0.3.0 to 1.0.0): the devices of one kind
// and what each changes in a container. Unknown fields are errors: half an edit would be worse than none. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cdi/edits.h"

namespace cradle::cdi {

struct Spec {
  std::string kind;                      // "vendor.com/class"
  Edits edits;                           // once for every container that gets one of its devices
  std::map<std::string, Edits> devices;  // by name

  // An error names the field.
  static Result<Spec> Parse(std::string_view text);
};

// "vendor.com/class=device"
struct DeviceName {
  std::string kind, device;
  static Result<DeviceName> Parse(std::string_view text);
};

// What an annotation names, unchecked: "cdi.k8s.io/..." with commas between the names; others name nothing.
std::vector<std::string> NamesIn(std::string_view key, std::string_view value);

}  // namespace cradle::cdi
