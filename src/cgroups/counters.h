// What the figures of metrics have in common in v1 and v2: texts of control files. Pure, but for the list of names.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "cgroups/cgroups.h"

namespace cradle::cgroups {

// v1's blkio files: lines "8:0 Read 4096". `add` is told each read and write.
void ParseBlkio(std::string_view text,
                const std::function<void(uint32_t major, uint32_t minor, bool write, uint64_t value)>& add);
// v2's io.stat: lines "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0".
std::vector<Counters::Io> ParseIoStat(std::string_view text);
// Page sizes that the group's directory has such files for: "2MB", "1GB". `file` is the end of their names,
// "usage_in_bytes" on v1, "current" on v2.
std::vector<std::string> HugepageSizes(FdRef group, std::string_view file);
// The device's entry, made when it isn't there.
Counters::Io& IoOf(Counters& counters, uint32_t major, uint32_t minor);

}  // namespace cradle::cgroups
