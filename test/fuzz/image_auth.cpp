// What a registry says in headers: WWW-Authenticate, Warning; and base64, there and back.
#include "fuzz.h"
#include "image/auth.h"
#include "image/proxy.h"
#include "image/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  for (const image::Challenge& challenge : image::ParseChallenges(input)) {
    fuzz::Require(!challenge.scheme.empty());
    for (char c : challenge.scheme) fuzz::Require(c > ' ' && !(c >= 'A' && c <= 'Z'));
  }
  for (char c : image::ParseWarning(input)) fuzz::Require(static_cast<unsigned char>(c) >= 0x20);
  auto decoded = image::Base64Decode(image::Base64Encode(input));
  fuzz::Require(decoded.ok() && *decoded == input);
  (void)image::Base64Decode(input);
  // The operator's, but a mistake in it must not be worse than a mistake.
  std::string proxy = image::ProxyFor("https://r.example:5000/v2/", {"h", "p", std::string(input)});
  fuzz::Require(proxy.empty() || proxy == "p");
  return 0;
}
