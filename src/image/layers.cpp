#include "image/layers.h"

#include <fcntl.h>

#include <charconv>
#include <utility>

#include "base/crash_point.h"
#include "base/ids.h"
#include "base/sys/file.h"
#include "image/blob.h"
#include "image/removal.h"

namespace cradle::image {
namespace {

constexpr std::string_view kSha256 = "sha256:";
constexpr const char* kMark = "/durable";

// overlayfs reads it; marked by the parent because it needs CAP_SYS_ADMIN.
Result<> MarkOpaque(const std::string& fs_dir, const std::vector<std::string>& paths) {
  if (paths.empty()) return {};
  UniqueFd root = TRY(sys::OpenAt(kCwd, fs_dir, O_PATH | O_DIRECTORY));
  for (const std::string& path : paths) {
    UniqueFd folder = TRY(sys::OpenBeneath(root, path, O_RDONLY | O_DIRECTORY));
    TRYV(sys::SetXattr(folder, "trusted.overlay.opaque", "y"));
  }
  return {};
}

}  // namespace

LayerHold& LayerHold::operator=(LayerHold&& other) noexcept {
  if (this != &other) {
    Reset();
    layers_ = std::exchange(other.layers_, nullptr);
    chain_ = std::move(other.chain_);
  }
  return *this;
}

void LayerHold::Reset() {
  if (Layers* layers = std::exchange(layers_, nullptr)) layers->Drop(chain_);
}

std::string Layers::Path(const std::string& chain) const {
  return Cat(dir_, "/layers/", chain.substr(kSha256.size()));
}
std::string Layers::FsDir(const std::string& chain) const { return Path(chain) + "/fs"; }

std::string Layers::ChainOf(const std::string& fs_dir) const {
  std::string prefix = Cat(dir_, "/layers/");
  if (!fs_dir.starts_with(prefix) || !fs_dir.ends_with("/fs")) return {};
  std::string chain = Cat(kSha256, std::string_view(fs_dir).substr(prefix.size(), fs_dir.size() - prefix.size() - 3));
  return IsSha256Digest(chain) ? chain : std::string();
}

Result<LayerSize> Layers::ReadSize(const std::string& chain) const {
  std::string text = TRY(sys::ReadFile(kCwd, Path(chain) + "/size", 100));
  LayerSize size;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), size.bytes);
  if (failed != std::errc() || end == text.data() + text.size() || *end != ' ')
    return InvalidArgument("malformed size file");
  if (std::from_chars(end + 1, text.data() + text.size(), size.inodes).ec != std::errc())
    return InvalidArgument("malformed size file");
  return size;
}

Result<LayerSize> Layers::LoadOne(FdRef folder, const std::string& hex, bool new_boot) const {
  std::string chain = Cat(kSha256, hex);
  if (!IsSha256Digest(chain)) return InvalidArgument("no chain id");
  LayerSize size = TRY(ReadSize(chain));
  if (!sys::Exists(folder, hex + "/fs")) return NotFound("no files");
  if (new_boot && !sys::Exists(folder, hex + kMark))
    return FailedPrecondition("it was not yet safe on the disk when the machine went down");
  return size;
}

Result<std::vector<std::string>> Layers::Load(bool new_boot) {
  std::vector<std::string> warnings;
  UniqueFd folder = TRY(sys::OpenAt(kCwd, dir_ + "/layers", O_RDONLY | O_DIRECTORY));
  for (const std::string& hex : TRY(sys::ListDir(folder))) {
    auto size = LoadOne(folder, hex, new_boot);
    if (!size.ok()) {
      warnings.push_back(Cat("layer ", hex, " is dropped: ", size.error().text()));
      (void)sys::RemoveTree(folder, hex);
      continue;
    }
    State& state = states_[Cat(kSha256, hex)];
    AddPresent(state, *size);
    state.durable = sys::Exists(folder, hex + kMark);
  }
  return warnings;
}

Result<> Layers::MakeDurable() {
  std::map<std::string, uint64_t> waiting;  // chain -> serial
  {
    std::lock_guard lock(mutex_);
    for (const auto& [chain, state] : states_)
      if (state.present && !state.durable) waiting[chain] = state.serial;
  }
  if (waiting.empty()) return {};
  UniqueFd store = TRY(sys::OpenAt(kCwd, dir_, O_RDONLY | O_DIRECTORY));
  TRYV(sys::Syncfs(store));
  TRYV(CrashPoint("image.layer.mark"));
  for (const auto& [chain, serial] : waiting) {
    std::lock_guard lock(mutex_);
    auto found = states_.find(chain);
    if (found == states_.end() || !found->second.present || found->second.serial != serial) continue;
    if (found->second.durable) continue;  // marked by another caller meanwhile
    found->second.durable = sys::ReplaceFile(kCwd, Path(chain) + kMark, "", 0600).ok();
  }
  return {};
}

std::vector<std::string> Layers::Present() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [chain, state] : states_)
    if (state.present) out.push_back(chain);
  return out;
}

void Layers::Sweep() {
  std::vector<std::string> to_delete;
  {
    std::lock_guard lock(mutex_);
    removing_ = true;
    std::vector<std::string> unused;
    for (const auto& [chain, state] : states_)
      if (state.holds == 0 && state.present) unused.push_back(chain);
    for (const std::string& chain : unused) RemoveLocked(chain, to_delete);
  }
  RemoveTrees(to_delete);
}

LayerSize Layers::SizeOf(const std::string& chain) const {
  std::lock_guard lock(mutex_);
  auto found = states_.find(chain);
  return found == states_.end() ? LayerSize{} : found->second.size;
}

void Layers::Close() {
  std::lock_guard lock(mutex_);
  removing_ = false;
}

void Layers::AddPresent(State& state, LayerSize size) {
  state.present = true;
  state.durable = false;
  state.serial = ++last_serial_;
  state.size = size;
  total_bytes_ += size.bytes;
  total_inodes_ += size.inodes;
}

Result<LayerHold> Layers::Hold(const std::string& chain) {
  std::lock_guard lock(mutex_);
  auto found = states_.find(chain);
  if (found == states_.end() || !found->second.present) return NotFound(Cat("layer ", chain, " is not there"));
  ++found->second.holds;
  return LayerHold(this, chain);
}

Result<Layers::Joined> Layers::Join(const std::string& chain, std::stop_token stop) {
  {
    std::unique_lock lock(mutex_);
    State& state = states_[chain];
    ++state.holds;  // keeps the entry while waiting
    bool go = changed_.wait(lock, stop, [&] { return !state.being_made; });
    if (state.present) return Joined{LayerHold(this, chain), nullptr};
    --state.holds;
    if (!go) return Error(Code::kCancelled, "cancelled");
    state.being_made = true;
  }
  auto temporary = MakeTemporary();
  if (temporary.ok()) {
    auto made = sys::MkdirAt(kCwd, *temporary + "/fs", 0755);
    auto making = std::make_unique<Making>(this, chain, *temporary);
    if (!made.ok()) return std::move(made.error());
    return Joined{LayerHold(), std::move(making)};
  }
  std::lock_guard lock(mutex_);
  states_[chain].being_made = false;
  changed_.notify_all();
  return std::move(temporary.error());
}

Result<LayerHold> Layers::Making::Commit(const Unpacked& unpacked) {
  TRYV(MarkOpaque(fs_dir(), unpacked.opaque));
  LayerSize size{unpacked.bytes + kOwnBytes, unpacked.inodes + kOwnInodes};  // never 0
  if (auto blob = sys::FstatAt(kCwd, BlobBeside(fs_dir()), AT_SYMLINK_NOFOLLOW); blob.ok()) {
    size.bytes += static_cast<uint64_t>(blob->st_blocks) * 512;
    ++size.inodes;
  }
  TRYV(sys::ReplaceFile(kCwd, temporary_ + "/size",
                        Cat(std::to_string(size.bytes), " ", std::to_string(size.inodes), "\n"), 0600));
  TRYV(CrashPoint("image.layer.commit"));
  std::lock_guard lock(layers_->mutex_);
  TRYV(sys::RenameAt(kCwd, temporary_, kCwd, layers_->Path(chain_)));
  committed_ = true;
  State& state = layers_->states_[chain_];
  layers_->AddPresent(state, size);
  state.being_made = false;
  ++state.holds;
  layers_->changed_.notify_all();
  return LayerHold(layers_, chain_);
}

Layers::Making::~Making() {
  if (committed_) return;
  layers_->RemoveTemporary(temporary_);
  std::lock_guard lock(layers_->mutex_);
  auto found = layers_->states_.find(chain_);
  found->second.being_made = false;
  if (found->second.holds == 0) layers_->states_.erase(found);
  layers_->changed_.notify_all();
}

// Renamed away under the lock, so that a pull sees it whole or not at all; deleted outside.
void Layers::RemoveLocked(const std::string& chain, std::vector<std::string>& to_delete) {
  std::string grave = Cat(dir_, "/tmp/", RandomHex64().substr(0, 16));
  if (sys::RenameAt(kCwd, Path(chain), kCwd, grave).ok()) {
    to_delete.push_back(grave);
  } else if (sys::UnlinkAt(kCwd, Path(chain) + "/size", 0).ok()) {
    // No room for the new name, maybe: it goes where it is, being no layer from here on. Should that fail too, the next
    // start finds it.
    to_delete.push_back(Path(chain));
  }
  auto found = states_.find(chain);
  total_bytes_ -= found->second.size.bytes;
  total_inodes_ -= found->second.size.inodes;
  states_.erase(found);
}

void Layers::DropLocked(const std::string& chain, std::vector<std::string>& to_delete) {
  auto found = states_.find(chain);
  if (found == states_.end() || --found->second.holds > 0 || found->second.being_made) return;
  if (!found->second.present) states_.erase(found);
  else if (removing_) RemoveLocked(chain, to_delete);
}

void Layers::Drop(const std::string& chain) {
  std::vector<std::string> to_delete;
  {
    std::lock_guard lock(mutex_);
    DropLocked(chain, to_delete);
  }
  RemoveTrees(to_delete);
}

void Layers::Release(std::vector<LayerHold> holds) {
  std::vector<std::string> to_delete;
  {
    std::lock_guard lock(mutex_);
    for (LayerHold& hold : holds)
      if (std::exchange(hold.layers_, nullptr)) DropLocked(hold.chain_, to_delete);
  }
  RemoveTrees(to_delete);
}

Result<std::string> Layers::MakeTemporary() {
  std::string path = Cat(dir_, "/tmp/", RandomHex64().substr(0, 16));
  TRYV(sys::MkdirAt(kCwd, path, 0700));
  return path;
}

void Layers::RemoveTemporary(const std::string& path) { RemoveTrees({path}); }

}  // namespace cradle::image
