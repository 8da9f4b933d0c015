#include "unpack/unpack.h"

#include <latch>

#include "base/sys/file.h"
#include "base/sys/thread.h"
#include "unpack/decompress.h"
#include "unpack/sha256.h"
#include "unpack/stream.h"
#include "unpack/tar.h"
#include "unpack/tree.h"

namespace cradle::unpack {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kStackBytes = 512 * 1024;

// The first thread's work: descriptor -> SHA-256 -> inflate -> queue.
class Reader {
 public:
  Reader(FdRef input, const Limits& limits, BlockQueue& queue)
      : input_(input), queue_(queue), decompressor_(limits, queue) {}

  void Run() {
    auto done = Inflate();
    queue_.End(done.ok() ? std::nullopt : std::optional(done.error()));
    bool senseless = !done.ok() && done.error().code() == Code::kInvalidArgument;
    while (senseless && !ended_ && ReadSome().ok()) continue;
  }
  // Of all bytes, or empty: not all were read.
  std::string Digest() { return ended_ ? hash_.Digest() : ""; }
  uint64_t bytes() const { return bytes_; }

 private:
  Result<> Inflate() {
    for (;;) {
      std::string_view bytes = TRY(ReadSome());
      if (ended_) return decompressor_.Finish();
      TRYV(decompressor_.Push(bytes));
    }
  }

  // Whole buffers, but for the last one: ISA-L copies its window at each call, however little that brings.
  Result<std::string_view> ReadSome() {
    size_t have = 0;
    for (size_t got = 1; got > 0 && have < buffer_.size(); have += got)
      got = TRY(sys::Read(input_, buffer_.data() + have, buffer_.size() - have));
    std::string_view bytes = std::string_view(buffer_).substr(0, have);
    ended_ = have == 0;
    bytes_ += have;
    hash_.Update(bytes);
    return bytes;
  }

  const FdRef input_;
  std::string buffer_ = std::string(kReadBytes, '\0');
  bool ended_ = false;
  BlockQueue& queue_;
  Decompressor decompressor_;
  Sha256 hash_;
  uint64_t bytes_ = 0;
};

// Hashes what passes.
class HashedSource : public Source {
 public:
  explicit HashedSource(Source& source) : source_(source) {}
  Result<std::string_view> Take(size_t max) override {
    std::string_view bytes = TRY(source_.Take(max));
    hash_.Update(bytes);
    return bytes;
  }
  std::string Digest() { return hash_.Digest(); }

 private:
  Source& source_;
  Sha256 hash_;
};

Result<LayerTree::Totals> WriteTree(Source& source, FdRef root, Lowers& lowers, const Limits& limits) {
  TarReader tar(source, limits);
  LayerTree tree(root, lowers, limits);
  for (;;) {
    auto entry = TRY(tar.Next());
    if (!entry) return tree.Finish();
    TRYV(tree.Add(*entry, [&] { return tar.ReadData(); }).With(Printable(entry->path)));
  }
}

}  // namespace

Result<> UnpackLayer(FdRef input, FdRef root, Lowers& lowers, const Limits& limits,
                     const std::function<Result<>()>& confine, Unpacked& out) {
  BlockQueue queue;
  Reader reader(input, limits, queue);
  HashedSource hashed(queue);
  std::latch confined(1);
  bool go = false;
  auto thread = TRY(sys::Thread::Start("unpack-read", kStackBytes, [&] {
    confined.wait();
    if (go) reader.Run();
  }));
  auto ready = confine();
  go = ready.ok();
  confined.count_down();
  if (!ready.ok()) return std::move(ready.error());

  auto totals = WriteTree(hashed, root, lowers, limits);
  if (!totals.ok()) queue.GiveUp(totals.error());
  thread.reset();
  out.blob_digest = reader.Digest();
  out.blob_bytes = reader.bytes();
  if (!totals.ok()) return std::move(totals.error());
  out.diff_id = hashed.Digest();
  out.bytes = totals->bytes;
  out.inodes = totals->inodes;
  out.opaque = std::move(totals->opaque);
  return {};
}

}  // namespace cradle::unpack
