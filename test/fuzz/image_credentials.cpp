// config.json: nothing that it says makes more of it than credentials, or an error that doesn't quote them.
#include <fcntl.h>

#include <cstdlib>

#include "base/sys/file.h"
#include "fuzz.h"
#include "image/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  static const bool kNoHelpers = setenv("PATH", "/nonexistent", 1) == 0;
  std::string_view input = fuzz::View(data, size);
  auto file = sys::MakeMemfd("config.json");
  fuzz::Require(kNoHelpers && file.ok() && sys::WriteAll(*file, input.data(), input.size()).ok());
  auto found = image::CredentialsFor("/proc/self/fd/" + std::to_string(file->get()), "registry-1.docker.io", "library/x");
  if (!found.ok()) fuzz::Require(found.error().text().find("S3CRET") == std::string::npos);
  (void)image::CredentialHost(input);
  return 0;
}
