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

constexpr size_t kReadBytes = 256 * 1024;
constexpr size_t kStackBytes = 512 * 1024;

// The first thread's work: descriptor -> SHA-256 -> inflate -> queue.
class Reader {
 public:
  Reader(FdRef input, const Limits& limits, BlockQueue& queue)
      : input_(input), queue_(queue), decompressor_(limits, [&](std::string_view plain) { return queue.Put(plain); }) {}

  void Run() {
    auto done = ReadAll();
    queue_.End(done.ok() ? std::nullopt : std::optional(std::move(done.error())));
  }
  std::string Digest() { return hash_.Digest(); }
  uint64_t bytes() const { return bytes_; }

 private:
  Result<> ReadAll() {
    std::string buffer(kReadBytes, '\0');
    for (;;) {
      size_t got = TRY(sys::Read(input_, buffer.data(), buffer.size()));
      if (got == 0) return decompressor_.Finish();
      std::string_view bytes = std::string_view(buffer).substr(0, got);
      bytes_ += got;
      hash_.Update(bytes);
      TRYV(decompressor_.Push(bytes));
    }
  }

  const FdRef input_;
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

Result<Unpacked> UnpackLayer(FdRef input, FdRef root, Lowers& lowers, const Limits& limits,
                             const std::function<Result<>()>& confine) {
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
  queue.GiveUp();
  thread.reset();
  if (!totals.ok()) return std::move(totals.error());
  Unpacked out{reader.Digest(), hashed.Digest(), reader.bytes(), totals->bytes, totals->inodes, {}};
  out.opaque = std::move(totals->opaque);
  return out;
}

}  // namespace cradle::unpack
