// Header blocks, from what is in them: the input is compressed as a client would, so that the reader behind the inflater
// gets to see it. Each input is three blocks of one connection.
#include <zlib.h>

#include "fuzz.h"
#include "streaming/spdy.h"
#include "streaming/spdy_dictionary.h"

namespace cradle {
namespace {

namespace spdy = streaming::spdy;

class Deflater {
 public:
  Deflater() {
    ::deflateInit(&stream_, 1);
    ::deflateSetDictionary(&stream_, reinterpret_cast<const Bytef*>(spdy::kDictionary.data()),
                           static_cast<uInt>(spdy::kDictionary.size()));
  }
  ~Deflater() { ::deflateEnd(&stream_); }
  std::string Block(std::string text) {
    std::string out(text.size() + 1024, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(text.data());
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream_, Z_SYNC_FLUSH);
    out.resize(out.size() - stream_.avail_out);
    return out;
  }

 private:
  z_stream stream_{};
};

}  // namespace
}  // namespace cradle

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  Deflater deflater;
  spdy::Inflater inflater;
  for (int i = 0; i < 3; ++i) {
    size_t taken = i == 2 ? input.size() : fuzz::TakeByte(input);
    taken = std::min(taken, input.size());
    auto headers = inflater.Read(deflater.Block(std::string(input.substr(0, taken))));
    input.remove_prefix(taken);
    if (!headers.ok()) return 0;
    fuzz::Require(headers->size() <= spdy::kMaxHeaders);
    for (const auto& [name, value] : *headers) {
      fuzz::Require(name.size() <= spdy::kMaxField && value.size() <= spdy::kMaxField);
      fuzz::Require(!spdy::Find(*headers, name).empty() || value.empty() || spdy::Find(*headers, name) != value);
    }
  }
  return 0;
}
