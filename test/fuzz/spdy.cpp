// SPDY's framer: whatever the pieces, the same is told; an error ends it.
#include "streaming/spdy.h"

#include <map>

#include "fuzz.h"

namespace cradle {
namespace {

namespace spdy = streaming::spdy;

class Told final : public spdy::Handler {
 public:
  void OnStream(uint32_t id, const spdy::Headers& headers) override {
    fuzz::Require(id % 2 == 1 && headers.size() <= spdy::kMaxHeaders);
    said += Cat("open ", std::to_string(id), "\n");
    for (const auto& [name, value] : headers) {
      fuzz::Require(name.size() <= spdy::kMaxField && value.size() <= spdy::kMaxField);
      said += Cat(name, "=", value, "\n");
    }
  }
  void OnData(uint32_t id, std::string_view bytes, bool fin) override {
    fuzz::Require(id != 0 && (fin || !bytes.empty()));
    data[id].append(bytes);
    if (fin) said += Cat("end ", std::to_string(id), "\n");
  }
  void OnReset(uint32_t id) override { said += Cat("reset ", std::to_string(id), "\n"); }
  void OnPing(uint32_t id) override { said += Cat("ping ", std::to_string(id), "\n"); }

  std::string said;
  std::map<uint32_t, std::string> data;
};

Told Parse(std::string_view input, size_t pieces) {
  Told told;
  spdy::Parser parser(told);
  fuzz::InPieces(input, pieces, [&](std::string_view piece) {
    auto fed = parser.Feed(piece);
    if (!fed.ok()) told.said += fed.error().text();
    return fed.ok();
  });
  return told;
}

}  // namespace
}  // namespace cradle

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  uint8_t pieces = fuzz::TakeByte(input);
  Told whole = Parse(input, 0), cut = Parse(input, pieces);
  fuzz::Require(whole.said == cut.said && whole.data == cut.data);
  return 0;
}
