// References: what is accepted has a full form that means the same, and nothing in it could leave a path or a header.
#include "fuzz.h"
#include "image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  std::string_view digits = image::IdDigits(input);
  fuzz::Require(digits.size() <= 64 && digits.find_first_not_of("0123456789abcdef") == std::string_view::npos);
  auto reference = image::ParseReference(input);
  if (!reference.ok()) return 0;
  std::string full = reference->str();
  fuzz::Require(reference->tag.empty() != reference->digest.empty());
  fuzz::Require(full.find("..") == std::string::npos && full.find("//") == std::string::npos);
  for (char c : full) fuzz::Require(c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '%');
  auto again = image::ParseReference(full);
  fuzz::Require(again.ok() && again->str() == full);
  return 0;
}
