// Layers: the unpacked layers on disk, by chain id, and who holds them: images, containers, pulls under way. A layer
// that nobody holds is removed. Two who want the same missing layer share the work: the first makes it, the others
// wait; if the first fails or is cancelled, the next one starts anew.
//
//   missing --Join--> being made (in tmp) --Commit: rename--> present --last hold gone: rename to tmp, delete--> gone
//
// Presence under the final name is the commit. It says nothing about a crash of the machine: a layer that has reached the
// disk for good gets a mark (MakeDurable), and Load drops those without it when the machine was started anew since.
// Thread safe; no lock is held over a wait or a deletion.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/unpack_process.h"

namespace cradle::image {

class Layers;

// A share in one layer. The last one's end removes it from the disk. Layers outlives it.
class LayerHold {
 public:
  LayerHold() = default;
  LayerHold(LayerHold&& other) noexcept { *this = std::move(other); }
  LayerHold& operator=(LayerHold&& other) noexcept;
  ~LayerHold() { Reset(); }
  void Reset();
  const std::string& chain() const { return chain_; }

 private:
  friend class Layers;
  LayerHold(Layers* layers, std::string chain) : layers_(layers), chain_(std::move(chain)) {}
  Layers* layers_ = nullptr;
  std::string chain_;
};

struct LayerSize {
  uint64_t bytes = 0, inodes = 0;
};

class Layers {
 public:
  // Of a layer's size: its own folder, the file with its size, the mark.
  static constexpr uint64_t kOwnInodes = 3, kOwnBytes = 8192;

  explicit Layers(std::string store_dir) : dir_(std::move(store_dir)) {}

  // Reads what is on disk; layers whose files are incomplete, and those without a mark after `new_boot`, are removed.
  // Returns a sentence for each.
  Result<std::vector<std::string>> Load(bool new_boot);
  // Waits until the disk has everything that was written, then marks the layers that were present before. Blocks, also
  // for what others write to that file system. A layer that can't be marked stays unmarked.
  Result<> MakeDurable();
  // Removes layers that nobody holds, then and from then on: after Load, when images and containers have taken theirs.
  void Sweep();
  // From here on nothing is removed: the holders are going because the process is.
  void Close();

  std::string FsDir(const std::string& chain) const;
  // The chain of such a directory; empty when it is none of ours.
  std::string ChainOf(const std::string& fs_dir) const;
  LayerSize SizeOf(const std::string& chain) const;
  Result<LayerSize> ReadSize(const std::string& chain) const;  // from the disk
  LayerSize Total() const { return {total_bytes_, total_inodes_}; }
  std::vector<std::string> Present() const;  // chains

  // Ends these holds; layers that nobody holds any more are removed, several at once, when it returns.
  void Release(std::vector<LayerHold> holds);
  // A hold on a layer that is present; NOT_FOUND otherwise.
  Result<LayerHold> Hold(const std::string& chain);

  // The right and the duty to make a missing layer, in a directory of its own. Without Commit it is given up and the
  // directory removed.
  class Making {
   public:
    Making(Layers* layers, std::string chain, std::string temporary)
        : layers_(layers), chain_(std::move(chain)), temporary_(std::move(temporary)) {}
    ~Making();
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;
    std::string fs_dir() const { return temporary_ + "/fs"; }
    Result<LayerHold> Commit(const Unpacked& unpacked);

   private:
    Layers* const layers_;
    const std::string chain_, temporary_;
    bool committed_ = false;
  };
  struct Joined {
    LayerHold hold;                  // when it is present (now, or after another one made it)
    std::unique_ptr<Making> making;  // else: the caller's to make
  };
  // Waits while somebody else makes it.
  Result<Joined> Join(const std::string& chain, std::stop_token stop);

  // A new directory below tmp.
  Result<std::string> MakeTemporary();
  // Removes a directory below tmp; what can't be removed is left to the next start.
  void RemoveTemporary(const std::string& path);

 private:
  friend class LayerHold;
  struct State {
    int holds = 0;
    bool present = false, being_made = false, durable = false;
    uint64_t serial = 0;  // differs when the layer was removed and made again
    LayerSize size;
  };

  std::string Path(const std::string& chain) const;
  void Drop(const std::string& chain);
  void DropLocked(const std::string& chain, std::vector<std::string>& to_delete);
  void AddPresent(State& state, LayerSize size);
  void RemoveLocked(const std::string& chain, std::vector<std::string>& to_delete);
  Result<LayerSize> LoadOne(FdRef folder, const std::string& hex, bool new_boot) const;

  const std::string dir_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, State> states_;
  bool removing_ = false;
  uint64_t last_serial_ = 0;
  std::atomic<uint64_t> total_bytes_ = 0, total_inodes_ = 0;  // of the present ones
};

}  // namespace cradle::image
