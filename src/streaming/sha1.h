// SHA-1 (FIPS 180-4), for the WebSocket handshake, which proves nothing but that both sides speak it: there no weakness
// of it matters, and this program needs no crypto library for it.
#pragma once

#include <string>
#include <string_view>

namespace cradle::streaming {

// 20 bytes.
std::string Sha1(std::string_view text);

}  // namespace cradle::streaming
