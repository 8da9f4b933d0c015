// LayerTree: the files of one layer, below one directory, in the form that overlayfs wants: whiteouts are character
// devices 0/0, folders that hide those below are reported by Finish (the mark, trusted.overlay.opaque, needs
// CAP_SYS_ADMIN, which this code must not have).
//
// Names are hostile. The kernel never follows a link here: every folder is opened beneath the root with
// RESOLVE_NO_SYMLINKS; links among an entry's parents are followed by LayerTree itself, inside the root, in the view
// that a container would have. The last component is never followed. The directory must be nobody else's. One thread.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "unpack/lowers.h"
#include "unpack/tar.h"

namespace cradle::unpack {

// A name of an archive without "", "." and ".." components; ".." stops at the root. Empty: the root itself.
Result<std::string> CleanPath(std::string_view raw, const Limits& limits);

class LayerTree {
 public:
  // `root`, `lowers`: used until the tree is gone. The process's umask must be 0.
  LayerTree(FdRef root, Lowers& lowers, const Limits& limits) : root_(root), lowers_(lowers), limits_(limits) {}

  using Data = std::function<Result<std::string_view>()>;  // more of the entry's data; empty at its end
  Result<> Add(const Entry& entry, const Data& data);

  struct Totals {
    uint64_t bytes = 0, inodes = 0;   // on disk, as du counts
    std::vector<std::string> opaque;  // folders below the root
  };
  // Folders get their times; call once, at the end.
  Result<Totals> Finish();

 private:
  struct Place {
    FdRef folder;  // valid until the next look-up
    std::string folder_path, name;
    std::string path() const { return folder_path.empty() ? name : folder_path + "/" + name; }
  };
  Result<Place> Locate(const std::string& clean);
  Result<std::string> MakeFolders(const std::string& path);
  Result<> MakeMissing(FdRef folder, const std::string& name, const std::string& path, const struct stat* lower);
  struct Sight {
    std::optional<struct stat> info;
    FdRef layer;       // where it is
    bool own = false;  // this one
  };
  Result<Sight> Look(FdRef here, const std::string& name, const std::string& path, bool below);

  Result<> Whiteout(const Place& place, std::string_view hidden);
  Result<> Clear(const Place& place);
  template <class Create>
  auto Replacing(const Place& place, Create create) -> decltype(create());
  Result<> AddRoot(const Entry& entry);
  Result<> AddFile(const Entry& entry, const Place& place, const Data& data);
  Result<> AddDirectory(const Entry& entry, const Place& place);
  Result<> AddSymlink(const Entry& entry, const Place& place);
  Result<> AddDevice(const Entry& entry, const Place& place);
  Result<> AddHardLink(const Entry& entry, const std::string& clean);
  Result<> CopyUp(const Place& place);
  Result<> HideLowerRoot();
  Result<> Count(FdRef fd);

  const FdRef root_;
  Lowers& lowers_;
  const Limits limits_;
  UniqueFd folder_;  // the folder of the last entry: archives come folder by folder
  std::string folder_path_;
  std::unordered_map<std::string, timespec> folder_times_;
  std::set<std::string> opaque_;
  bool root_opaque_ = false;
  uint64_t bytes_ = 0, inodes_ = 0;
  uint64_t copied_ = 0;  // bytes of files from lower layers
  bool recount_ = false;  // a folder was replaced: what was below it was counted
};

}  // namespace cradle::unpack
