#include "lxcfs/snapshots.h"

#include <algorithm>

namespace cradle::lxcfs {

Snapshots::Snapshot* Snapshots::Of(File file, uint64_t handle) {
  for (Snapshot& one : all_)
    if (one.handle == handle && one.file == file && one.made != Time()) return &one;
  return nullptr;
}

Snapshots::Snapshot* Snapshots::Newest(File file) {
  Snapshot* newest = nullptr;
  for (Snapshot& one : all_)
    if (one.file == file && one.made != Time() && (!newest || one.made > newest->made)) newest = &one;
  return newest;
}

Snapshots::Snapshot& Snapshots::Place() {
  return *std::min_element(all_.begin(), all_.end(), [](const Snapshot& a, const Snapshot& b) {
    return (a.handle != 0) != (b.handle != 0) ? a.handle == 0 : a.made < b.made;
  });
}

std::string_view Snapshots::Read(File file, uint64_t handle, uint64_t offset, Time now, const Render& render) {
  Snapshot* own = Of(file, handle);
  Snapshot* newest = Newest(file);
  Snapshot* from = own ? own : newest;
  if (offset > 0 && from) return std::string_view(from->text).substr(std::min<uint64_t>(offset, from->text.size()));
  Snapshot& to = own ? *own : newest && newest->handle == 0 ? *newest : Place();
  if (!newest || now - newest->made > kFresh) {
    to.text = render(file);
    to.made = now;
  } else if (&to != newest) {
    to.text = newest->text;
    to.made = newest->made;
  }
  to.file = file;
  to.handle = handle;
  return std::string_view(to.text).substr(std::min<uint64_t>(offset, to.text.size()));
}

void Snapshots::Close(uint64_t handle) {
  for (Snapshot& one : all_)
    if (one.handle == handle) one.handle = 0;
}

void Snapshots::Clear() {
  for (Snapshot& one : all_) one = Snapshot();
}

}  // namespace cradle::lxcfs
