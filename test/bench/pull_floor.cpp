#include "pull_floor.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include "unpack/decompress.h"
#include "unpack/sha256.h"

namespace cradle::bench {
namespace {

namespace fs = std::filesystem;
constexpr size_t kPiece = 128 * 1024, kRoom = 256 * 1024;

class HashingSink : public unpack::Sink {
 public:
  Result<std::span<char>> Room() override { return std::span(room_); }
  Result<> Fill(size_t bytes) override {
    hash_.Update({room_.data(), bytes});
    return {};
  }

 private:
  std::vector<char> room_ = std::vector<char>(kRoom);
  unpack::Sha256 hash_;
};

void Digest(std::string_view blob) {
  unpack::Sha256 hash;
  HashingSink sink;
  unpack::Decompressor decompressor({}, sink);
  for (; !blob.empty(); blob.remove_prefix(std::min(kPiece, blob.size()))) {
    hash.Update(blob.substr(0, kPiece));
    if (!decompressor.Push(blob.substr(0, kPiece)).ok()) throw std::runtime_error("a damaged layer");
  }
}

// Its config, too.
std::vector<std::string> BlobsOf(const std::string& registry, const std::string& image) {
  std::vector<std::string> blobs;
  for (const auto& entry : fs::directory_iterator(registry + "/repositories/" + image + "/_layers/sha256")) {
    std::string hex = entry.path().filename();
    std::ifstream file(registry + "/blobs/sha256/" + hex.substr(0, 2) + "/" + hex + "/data", std::ios::binary);
    blobs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return blobs;
}

}  // namespace

double FloorMillis(const std::string& storage, const std::string& image) {
  std::vector<std::string> blobs = BlobsOf(storage + "/docker/registry/v2", image);
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < blobs.size();) Digest(blobs[i]);
  };
  auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) threads.emplace_back(work);
  }
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

uint64_t DiscardsOf(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return 0;
  std::ifstream file("/sys/dev/block/" + std::to_string(major(info.st_dev)) + ":" + std::to_string(minor(info.st_dev)) + "/stat");
  constexpr int kDiscards = 12;  // Documentation/block/stat.rst
  uint64_t value = 0;
  for (int field = 0; field < kDiscards; ++field)
    if (!(file >> value)) return 0;
  return value;
}

}  // namespace cradle::bench
