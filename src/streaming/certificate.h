// Certificate: what the streaming server shows its clients, and who they must be: from files that may be replaced while
// it runs. One thread.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "streaming/openssl.h"
#include "streaming/tls_files.h"

namespace cradle::streaming {

class Certificate {
 public:
  // Fails when the files can't be used.
  static Result<Certificate> Load(TlsFiles files);
  // For one more session, with the files as they are now. Files that can't be used any more are told in the log once,
  // and what was loaded before stays.
  std::shared_ptr<SSL_CTX> Current();
  const OpenSsl& openssl() const { return *openssl_; }

 private:
  Certificate(TlsFiles files, const OpenSsl* openssl) : files_(std::move(files)), openssl_(openssl) {}
  Result<std::shared_ptr<SSL_CTX>> Read() const;
  Result<std::string> Stamp() const;

  TlsFiles files_;
  const OpenSsl* openssl_;
  std::string stamp_;  // of the files that were looked at last
  std::shared_ptr<SSL_CTX> context_;
};

}  // namespace cradle::streaming
