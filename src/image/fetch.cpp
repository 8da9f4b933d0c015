#include "image/fetch.h"

#include <fcntl.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/sys/file.h"
#include "base/sys/thread.h"
#include "image/blob.h"

namespace cradle::image {
namespace {

constexpr size_t kStackBytes = 256 * 1024;

class LayerFetch {
 public:
  LayerFetch(const FetchPlace& place, Source& source, const std::vector<Descriptor>& descriptors,
             const std::vector<std::string>& diff_ids, const ProgressSink& progress)
      : config_(place.config), layers_(place.layers), slots_(place.slots), source_(source), descriptors_(descriptors),
        diff_ids_(diff_ids), chain_(ChainIds(diff_ids)), progress_(progress), holds_(chain_.size()) {}

  Result<std::vector<LayerHold>> Run(std::stop_token stop) {
    std::stop_callback forward(stop, [this] { stop_.request_stop(); });
    TakePresent();
    size_t workers = std::min(missing_.size(), static_cast<size_t>(std::max(config_.max_parallel_layers, 1)));
    std::vector<std::unique_ptr<sys::Thread>> helpers;
    for (size_t i = 1; i < workers; ++i) {
      auto helper = sys::Thread::Start("image-layer", kStackBytes, [this] { Work(); });
      if (helper.ok()) helpers.push_back(std::move(*helper));  // fewer threads do the same work
    }
    Work();
    helpers.clear();
    if (stop.stop_requested()) return Error(Code::kCancelled, "cancelled");
    if (error_) return std::move(*error_);
    std::vector<LayerHold> out;
    for (auto& hold : holds_) out.push_back(std::move(*hold));
    return out;
  }

 private:
  void TakePresent() {
    for (size_t i = 0; i < chain_.size(); ++i) {
      if (auto hold = layers_.Hold(chain_[i]); hold.ok()) {
        holds_[i] = std::move(*hold);
        Report(i, "exists", 0);
      } else {
        missing_.push_back(i);
        Report(i, "waiting", 0);
      }
    }
  }

  void Work() {
    for (;;) {
      size_t i;
      std::optional<DownloadSlots::Slot> slot;
      {
        std::lock_guard lock(mutex_);
        if (next_ == missing_.size() || error_) return;
        i = missing_[next_++];
        slot.emplace(slots_, source_.registry());  // in the order of the layers
      }
      auto turn = slot->Wait(stop_.get_token());
      auto hold = turn.ok() ? Fetch(i) : Result<LayerHold>(std::move(turn.error()));
      slot.reset();
      std::lock_guard lock(mutex_);
      if (hold.ok()) {
        holds_[i] = std::move(*hold);
      } else {
        if (!error_) error_ = std::move(hold.error()).With(Cat("layer ", std::to_string(i + 1), " of ", std::to_string(chain_.size())));
        stop_.request_stop();
      }
      changed_.notify_all();
    }
  }

  Result<LayerHold> Fetch(size_t i) {
    Layers::Joined joined = TRY(layers_.Join(chain_[i], stop_.get_token()));
    if (!joined.making) {
      Report(i, "exists", 0);
      return std::move(joined.hold);
    }
    auto process = TRY(UnpackProcess::Start(config_, joined.making->fs_dir(), [this, i] { return LowerDirs(i); }));
    UniqueFd blob;
    if (config_.keep_blobs)
      blob = TRY(sys::OpenAt(kCwd, BlobBeside(joined.making->fs_dir()), O_WRONLY | O_CREAT | O_EXCL, 0600));
    auto unpacked = Transfer(i, *process, blob);
    // The kill that a stop means would otherwise be the error.
    if (stop_.stop_requested()) return Error(Code::kCancelled, "cancelled");
    // Damage on the way explains whatever else is wrong.
    if (const std::string& digest = process->blob_digest(); !digest.empty()) TRYV(CheckDigest(i, digest));
    if (!unpacked.ok()) return std::move(unpacked.error());
    TRYV(CheckDiffId(i, unpacked->diff_id));
    LayerHold hold = TRY(joined.making->Commit(*unpacked));
    Report(i, "done", descriptors_[i].size);
    return hold;
  }

  // `blob`: where it is kept, or none.
  Result<Unpacked> Transfer(size_t i, UnpackProcess& process, const UniqueFd& blob) {
    std::stop_callback kill(stop_.get_token(), [&process] { process.Kill(); });
    uint64_t done = 0, reported = 0;
    constexpr uint64_t kReportEvery = 1 << 20;
    TRYV(source_.Feed(descriptors_[i], [&](std::string_view bytes) -> Result<> {
      done += bytes.size();
      if (done > config_.layer_limits.max_bytes)  // behind an archive's end there may be anything
        return Error(Code::kResourceExhausted,
                     Cat("a blob larger than the limit of ", std::to_string(config_.layer_limits.max_bytes),
                         " bytes (image.max_layer_bytes)"));
      if (done >= reported + kReportEvery) {
        Report(i, "downloading", done);
        reported = done;
      }
      if (blob.valid()) TRYV(sys::WriteAll(blob, bytes.data(), bytes.size()));
      return process.Write(bytes);
    }, stop_.get_token()));
    if (uint64_t stated = descriptors_[i].size; stated > 0 && done != stated)
      return InvalidArgument(Cat("it has ", std::to_string(done), " bytes, not the stated ", std::to_string(stated)));
    Report(i, "unpacking", done);
    return process.Finish();
  }

  Result<> CheckDigest(size_t i, const std::string& digest) const {
    const std::string& stated = descriptors_[i].digest;  // none in an archive
    if (stated.empty() || digest == stated) return {};
    return InvalidArgument(Cat("its digest is ", digest, ", not ", stated));
  }
  Result<> CheckDiffId(size_t i, const std::string& diff_id) const {
    if (diff_id == diff_ids_[i]) return {};
    return InvalidArgument(Cat("its diff id is ", diff_id, ", not ", diff_ids_[i], " as the config says"));
  }

  // Waits until all layers below are complete. No circle: only lower ones are waited for, and they were begun before.
  Result<std::vector<std::string>> LowerDirs(size_t i) {
    std::unique_lock lock(mutex_);
    auto complete = [&] { return std::all_of(holds_.begin(), holds_.begin() + static_cast<long>(i), [](auto& hold) { return hold.has_value(); }); };
    if (!changed_.wait(lock, stop_.get_token(), complete)) return Error(Code::kCancelled, "cancelled");
    std::vector<std::string> dirs;
    while (i-- > 0) dirs.push_back(layers_.FsDir(chain_[i]));
    return dirs;
  }

  void Report(size_t i, const char* phase, uint64_t done) {
    if (!progress_) return;
    const Descriptor& layer = descriptors_[i];
    progress_({layer.digest.empty() ? diff_ids_[i] : layer.digest, phase, done, layer.size, ""});
  }

  const StoreConfig& config_;
  Layers& layers_;
  DownloadSlots& slots_;
  Source& source_;
  const std::vector<Descriptor>& descriptors_;
  const std::vector<std::string>& diff_ids_;
  const std::vector<std::string> chain_;
  const ProgressSink& progress_;
  std::stop_source stop_;
  std::vector<size_t> missing_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  size_t next_ = 0;  // of missing_
  std::vector<std::optional<LayerHold>> holds_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<LayerHold>> FetchLayers(const FetchPlace& place, Source& source,
                                           const std::vector<Descriptor>& descriptors,
                                           const std::vector<std::string>& diff_ids, std::stop_token stop,
                                           const ProgressSink& progress) {
  if (descriptors.size() != diff_ids.size())
    return InvalidArgument(Cat("the manifest has ", std::to_string(descriptors.size()), " layers, the config ",
                               std::to_string(diff_ids.size())));
  return LayerFetch(place, source, descriptors, diff_ids, progress).Run(stop);
}

}  // namespace cradle::image
