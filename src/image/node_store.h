// NodeStore: the ImageStore on a disk. It joins the parts: the catalog (names, memory), records and documents (disk),
// layers, and a source to read from. Changes of records are made one at a time under commit_mutex_; readers never take it.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "image/catalog.h"
#include "image/fetch.h"
#include "image/layers.h"
#include "image/record.h"
#include "image/source.h"
#include "image/store.h"
#include "image/store_config.h"

namespace cradle::image {

class NodeStore : public ImageStore {
 public:
  explicit NodeStore(StoreConfig config)
      : config_(std::move(config)), layers_(config_.dir),
        slots_(config_.max_parallel_in_all, config_.max_parallel_of_registry), catalog_(config_.pinned) {}
  ~NodeStore() override { layers_.Close(); }
  // Makes the directories, empties tmp, reads what is there.
  Result<> Load();

  const std::vector<std::string>& warnings() const override { return warnings_; }
  void DropUnused() override { layers_.Sweep(); }
  std::vector<std::shared_ptr<const Image>> List() const override { return catalog_.List(); }
  Result<std::shared_ptr<const Image>> Find(const std::string& reference) const override {
    return catalog_.Find(reference);
  }
  Result<std::shared_ptr<const Image>> Pull(const std::string& reference, const Auth& auth, std::stop_token stop,
                                            std::function<void(const Progress&)> progress) override;
  Result<std::vector<std::shared_ptr<const Image>>> Import(const std::string& host_path,
                                                           const std::string& name) override;
  Result<std::vector<std::string>> Export(const std::vector<std::string>& references,
                                          const std::string& host_path) override;
  Result<std::shared_ptr<const Image>> Tag(const std::string& reference, const std::string& name) override;
  Result<Pruned> Prune() override;
  Checkup Check(Repair repair) override;
  Result<> Flush() override { return layers_.MakeDurable(); }
  Result<> Remove(const std::string& reference) override;
  Result<std::shared_ptr<const Image>> Acquire(const std::string& reference,
                                               const std::string& container_id) override;
  Result<> Reacquire(const std::vector<std::string>& layer_dirs, const std::string& container_id) override;
  void Release(const std::string& container_id) override;
  FsUsage Usage() const override;

 private:
  using ImagePtr = std::shared_ptr<const Image>;
  // Names that an image gets besides those it has.
  struct Names {
    std::vector<std::string> tags, digests;
  };
  // A manifest found, with the documents that led to it (digest, bytes).
  struct Found {
    Manifest manifest;
    std::vector<std::pair<std::string, std::string>> documents;
  };
  struct Held {
    Record record;
    std::vector<LayerHold> layers;
    DocumentsSize documents = {};
  };

  std::optional<std::string> FindDocument(const std::string& digest, size_t limit) const;
  Result<std::string> Fetch(Source& source, const Descriptor& descriptor, const SizeLimit& limit, std::stop_token stop) const;
  Result<Found> Resolve(Source& source, std::string digest, std::string bytes, std::string_view media_type,
                        std::stop_token stop);
  Result<ImagePtr> Ingest(Source& source, const Found& found, Names names, std::stop_token stop,
                          const ProgressSink& progress);
  Result<ImagePtr> Commit(Record record, const Found& found, const std::string& config_json, const ParsedConfig& config,
                          std::vector<LayerHold> layers, std::stop_token stop);
  Result<> Save(const Record& record, const Found& found, const std::string& config_json) const;
  // Of an image that is in the catalog, or is about to be; with commit_mutex_ held.
  void Hold(Held held);
  void SaveChanged(const std::vector<ImagePtr>& changed);
  void FlushSoon();
  void SpreadLayers();
  bool IsNewBoot() const;
  // Of image layers: what keeps them there. Those of the additional store need nothing.
  Result<std::vector<LayerHold>> HoldDirs(const std::vector<std::string>& layer_dirs);
  // check.cpp
  std::vector<std::string> ProblemsOf(const Record& record) const;
  Result<> CheckLayer(const std::string& chain);
  Result<> LoadImage(const std::string& file_name);
  Result<> LoadImages();
  void SweepDocuments();
  std::shared_ptr<Image> Build(const Record& record, const std::string& config_json, const ParsedConfig& config) const;
  void LoadAdditional();
  Result<std::vector<ImagePtr>> ImportDirectory(const std::string& dir, const std::string& name);

  const StoreConfig config_;
  Layers layers_;
  DownloadSlots slots_;
  Catalog catalog_;
  std::vector<std::string> warnings_;
  std::map<std::string, std::shared_ptr<const Image>> additional_;  // by id

  std::mutex commit_mutex_;
  std::map<std::string, Held> held_;  // by image id: record and layers of every image
  std::atomic<uint64_t> document_bytes_ = 0, document_inodes_ = 0;

  std::mutex containers_mutex_;
  std::map<std::string, std::vector<LayerHold>> containers_;

  std::atomic<bool> flush_waits_ = false;
  ThreadPool flusher_{"image-flush", 1};  // the last member: its work uses the others
};

}  // namespace cradle::image
