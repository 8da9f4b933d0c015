#include "streaming/openssl.h"

#include <dlfcn.h>

namespace cradle::streaming {
namespace {

template <class F>
bool Find(void* library, const char* name, F& out) {
  out = reinterpret_cast<F>(::dlsym(library, name));
  return out != nullptr;
}

Result<OpenSsl> Load() {
  void* library = ::dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
  if (!library) return FailedPrecondition(Cat("streaming over TLS needs OpenSSL 3: ", ::dlerror()));
  OpenSsl o{};
  bool found =
      Find(library, "TLS_server_method", o.server_method) && Find(library, "SSL_CTX_new", o.ctx_new) &&
      Find(library, "SSL_CTX_free", o.ctx_free) && Find(library, "SSL_CTX_ctrl", o.ctx_ctrl) &&
      Find(library, "SSL_CTX_set_options", o.ctx_set_options) &&
      Find(library, "SSL_CTX_set_verify", o.ctx_set_verify) &&
      Find(library, "SSL_CTX_use_certificate_chain_file", o.ctx_use_certificate_chain_file) &&
      Find(library, "SSL_CTX_use_PrivateKey_file", o.ctx_use_private_key_file) &&
      Find(library, "SSL_CTX_check_private_key", o.ctx_check_private_key) &&
      Find(library, "SSL_CTX_load_verify_locations", o.ctx_load_verify_locations) &&
      Find(library, "SSL_CTX_set_client_CA_list", o.ctx_set_client_ca_list) &&
      Find(library, "SSL_load_client_CA_file", o.load_client_ca_file) && Find(library, "SSL_new", o.make) &&
      Find(library, "SSL_free", o.free) && Find(library, "SSL_set_fd", o.set_fd) &&
      Find(library, "SSL_accept", o.accept) && Find(library, "SSL_read", o.read) &&
      Find(library, "SSL_write", o.write) && Find(library, "SSL_shutdown", o.shutdown) &&
      Find(library, "SSL_get_error", o.get_error) && Find(library, "ERR_get_error", o.err_get) &&
      Find(library, "ERR_error_string_n", o.err_string) && Find(library, "ERR_clear_error", o.err_clear);
  if (!found) return FailedPrecondition("streaming over TLS needs OpenSSL 3: this one lacks what it should have");
  return o;
}

}  // namespace

Error OpenSsl::LastError(Code code, std::string_view what) const {
  char text[256] = "no reason given";
  if (unsigned long error = err_get()) err_string(error, text, sizeof text);
  err_clear();
  return Error(code, Cat(what, ": ", text));
}

Result<const OpenSsl*> LoadOpenSsl() {
  static const Result<OpenSsl> kOpenSsl = Load();
  if (!kOpenSsl.ok()) return Error(kOpenSsl.error());
  return &*kOpenSsl;
}

}  // namespace cradle::streaming
