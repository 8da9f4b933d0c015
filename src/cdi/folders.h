// The node's CDI folders, and the devices that are asked for by name. Read anew for each container that names a device, so
// that what a device plugin has just written counts, and what it took away doesn't: no watch could be as prompt, and what
// it would save is half a millisecond of each such container (15 KB of JSON or YAML: eight GPUs, 45 mounts).
// A file that can't be taken costs nobody but those who ask for what isn't elsewhere: their error tells of it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cdi/edits.h"

namespace cradle::cdi {

// What `names` ("vendor.com/class=device", each once) change, in their order, each specification's own edits before the
// first of its devices. A device of a later folder hides those of earlier ones; two in one folder are ambiguous.
// *.json and *.yaml are read, of at most 4 MiB. kInvalidArgument, kFailedPrecondition. Any thread; reads files.
Result<Edits> FindDevices(const std::vector<std::string>& folders, const std::vector<std::string>& names);

}  // namespace cradle::cdi
