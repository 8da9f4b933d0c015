// Decimal numbers.
#pragma once

#include <cstddef>

#include <cstdint>

namespace cradle::init {

// All of `text` must be digits, their value at most `max`.
inline bool ParseNumber(const char* text, uint64_t max, uint64_t& value) noexcept {
  if (!*text) return false;
  uint64_t sum = 0;
  for (; *text; ++text) {
    if (*text < '0' || *text > '9') return false;
    uint64_t digit = static_cast<uint64_t>(*text - '0');
    if (sum > (max - digit) / 10) return false;
    sum = sum * 10 + digit;
  }
  value = sum;
  return true;
}

inline bool AllDigits(const char* text) noexcept {
  if (!*text) return false;
  for (; *text; ++text)
    if (*text < '0' || *text > '9') return false;
  return true;
}

// Without leading zeros (the kernel would read octal) and without a zero byte. The number of
// digits, at most 10.
inline size_t FormatNumber(char* out, unsigned value) noexcept {
  char digits[10];
  size_t count = 0;
  do digits[count++] = static_cast<char>('0' + value % 10);
  while (value /= 10);
  for (size_t i = 0; i < count; ++i) out[i] = digits[count - 1 - i];
  return count;
}

}  // namespace cradle::init
