// Reading and writing the kernel's small texts. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cradle::lxcfs {

// Takes the first line (without its newline) off `text`. False when nothing is left.
bool NextLine(std::string_view& text, std::string_view& line);
// Takes the first word off `line`; empty when there is none.
std::string_view NextWord(std::string_view& line);
// The number at the beginning; 0 when there is none, the largest when it is larger.
uint64_t LeadingNumber(std::string_view text);

void AppendNumber(uint64_t value, std::string& out);
// Right-aligned in `width`.
void AppendPadded(uint64_t value, size_t width, std::string& out);
// 12345 hundredths: "123.45".
void AppendHundredths(uint64_t value, std::string& out);

}  // namespace cradle::lxcfs
