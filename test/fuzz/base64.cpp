// Base64: what is encoded is decoded, and foreign text is decoded alike in any pieces.
#include "streaming/base64.h"

#include <optional>

#include "fuzz.h"

namespace cradle {
namespace {

std::optional<std::string> Decode(std::string_view text, size_t pieces) {
  streaming::Base64Decoder decoder;
  std::string out;
  bool valid = true;
  fuzz::InPieces(text, pieces, [&](std::string_view piece) { return valid = decoder.Feed(piece, out); });
  if (!valid || !decoder.Finish()) return std::nullopt;
  return out;
}

}  // namespace
}  // namespace cradle

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  uint8_t pieces = fuzz::TakeByte(input);
  auto decoded = Decode(input, 0);
  fuzz::Require(decoded == Decode(input, pieces));
  fuzz::Require(Decode(streaming::EncodeBase64(input), pieces) == input);
  return 0;
}
