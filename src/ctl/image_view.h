// ImageView: the files of an image as a container would see them: its layers laid over each other, with whiteouts and
// opaque folders. Read from the layers' directories, whose content is hostile: no link is followed.
#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::ctl {

struct FileFacts {
  struct stat info {};
  std::string target;  // of a symbolic link
};
// By path, without a leading slash.
using ImageView = std::map<std::string, FileFacts>;
// `layer_dirs`: topmost first.
Result<ImageView> ReadImageView(const std::vector<std::string>& layer_dirs);

// What turns one into the other: "A path" added, "D path" deleted, "C path" changed, by path. A folder that is added or
// deleted stands for all below it. Files of equal size, owner, mode and time count as equal.
std::vector<std::string> CompareViews(const ImageView& from, const ImageView& to);

}  // namespace cradle::ctl
