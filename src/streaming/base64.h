// Base64 (RFC 4648, standard alphabet, padded), encoded whole and decoded in pieces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cradle::streaming {

std::string EncodeBase64(std::string_view bytes);

class Base64Decoder {
 public:
  // Appends what is complete. False: not base64.
  bool Feed(std::string_view text, std::string& out);
  // The text ends here: nothing may be left over. Ready for the next text.
  bool Finish();

 private:
  uint32_t bits_ = 0;
  int digits_ = 0;    // of the group under way
  int padding_ = 0;
};

}  // namespace cradle::streaming
