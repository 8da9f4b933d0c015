// SHA-256 of a stream: OpenSSL's plain functions, which need neither providers nor initialisation.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace cradle::unpack {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void Update(std::string_view bytes);
  // "sha256:" and 64 hex digits. Once, at the end.
  std::string Digest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cradle::unpack
