#include "cdi/folders.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/fd.h"
#include "base/sys/file.h"
#include "cdi/spec.h"

namespace cradle::cdi {
namespace {

constexpr size_t kMaxFile = 4 << 20;
constexpr size_t kMaxTroubles = 3;

struct Found {
  std::string path;
  Spec spec;
};

class Collection {
 public:
  explicit Collection(const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) Read(folder);
  }

  // The one that has the device, of the last folder that has it.
  Result<const Found*> Find(const DeviceName& name) const {
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
      const Found* found = nullptr;
      for (const Found& one : *folder) {
        if (one.spec.kind != name.kind || !one.spec.devices.contains(name.device)) continue;
        if (found)
          return FailedPrecondition(Cat("CDI device \"", name.kind, "=", name.device, "\": ambiguous: in ", found->path,
                                        " and in ", one.path));
        found = &one;
      }
      if (found) return found;
    }
    std::string why = Cat("CDI device \"", name.kind, "=", name.device, "\": in no specification");
    for (const std::string& trouble : troubles_) why += Cat("; ", trouble);
    return FailedPrecondition(std::move(why));
  }

 private:
  void Read(const std::string& folder) {
    std::vector<Found>& all = folders_.emplace_back();
    auto dir = sys::OpenAt(kCwd, folder, O_RDONLY | O_DIRECTORY);
    if (!dir.ok()) {
      if (dir.error().err() != ENOENT) Note(dir.error());
      return;
    }
    auto names = sys::ListDir(*dir);
    if (!names.ok()) return Note(names.error());
    std::sort(names->begin(), names->end());
    for (const std::string& name : *names) {
      if (!name.ends_with(".json") && !name.ends_with(".yaml")) continue;
      std::string path = Cat(folder, "/", name);
      auto spec = ReadOne(*dir, name).With(path);
      if (spec.ok()) all.push_back({std::move(path), std::move(*spec)});
      else Note(spec.error());
    }
  }
  static Result<Spec> ReadOne(FdRef dir, const std::string& name) {
    auto status = TRY(sys::FstatAt(dir, name, 0));
    if (!S_ISREG(status.st_mode)) return InvalidArgument("not a file");
    return Spec::Parse(TRY(sys::ReadFile(dir, name, kMaxFile)));
  }
  void Note(const Error& error) {
    if (troubles_.size() < kMaxTroubles) troubles_.push_back(error.text());
  }

  std::vector<std::vector<Found>> folders_;
  std::vector<std::string> troubles_;
};

}  // namespace

Result<Edits> FindDevices(const std::vector<std::string>& folders, const std::vector<std::string>& names) {
  std::vector<DeviceName> wanted;
  for (const std::string& name : names) wanted.push_back(TRY(DeviceName::Parse(name)));
  Edits edits;
  if (wanted.empty()) return edits;
  Collection all(folders);
  std::set<const Found*> used;
  for (const DeviceName& name : wanted) {
    const Found* found = TRY(all.Find(name));
    if (used.insert(found).second) edits.Append(found->spec.edits);
    edits.Append(found->spec.devices.at(name.device));
  }
  return edits;
}

}  // namespace cradle::cdi
