// RemoveTrees: removes folders with all that is in them, by many threads at once. Each unlink returns when the file's blocks
// are free, and on some disks (ext4 without a journal, mounted with discard) that is a wait for the device per file.
// Blocks. What can't be removed stays.
#pragma once

#include <string>
#include <vector>

namespace cradle::image {

void RemoveTrees(const std::vector<std::string>& paths);

}  // namespace cradle::image
