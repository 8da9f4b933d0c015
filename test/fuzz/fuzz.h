// What a fuzz target is made of: the entry point that libFuzzer and our driver call, and how a broken promise ends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace cradle::fuzz {

inline void Require(bool promise) {
  if (!promise) __builtin_trap();
}

inline std::string_view View(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

// Takes a byte off the front: a choice that the input makes. 0 when there is none.
inline uint8_t TakeByte(std::string_view& input) {
  if (input.empty()) return 0;
  auto byte = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  return byte;
}

// Calls feed(piece) for all of `input`, `size` bytes at a time (0: at once), as long as it says true.
template <class Feed>
void InPieces(std::string_view input, size_t size, Feed feed) {
  do {
    std::string_view piece = size == 0 ? input : input.substr(0, size);
    input.remove_prefix(piece.size());
    if (!feed(piece)) return;
  } while (!input.empty());
}

}  // namespace cradle::fuzz
