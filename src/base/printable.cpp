#include "base/printable.h"

namespace cradle {

std::string Printable(std::string_view text) {
  std::string out;
  for (unsigned char c : text) {
    bool space = c <= ' ' || c == 127;
    if (space && (out.empty() || out.back() == ' ')) continue;
    out += space ? ' ' : c < 128 ? static_cast<char>(c) : '?';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace cradle
