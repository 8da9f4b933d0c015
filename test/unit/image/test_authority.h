// A certificate authority for tests: makes certificates that no system trusts.
#pragma once

#include <memory>
#include <string>

namespace cradle::image {

struct Pem {
  std::string certificate, key;
};

class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();
  // For a DNS name, or for 127.0.0.1.
  Pem Issue(const std::string& name) const;
  const std::string& certificate() const { return certificate_; }

 private:
  struct Identity;
  std::unique_ptr<Identity> own_;
  std::string certificate_;
};

}  // namespace cradle::image
