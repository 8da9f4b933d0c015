// OpenSSL, loaded when streaming over TLS is configured: a node without it doesn't pay for it.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace cradle::streaming {

struct OpenSsl {
  decltype(&TLS_server_method) server_method;
  decltype(&SSL_CTX_new) ctx_new;
  decltype(&SSL_CTX_free) ctx_free;
  decltype(&SSL_CTX_ctrl) ctx_ctrl;
  decltype(&SSL_CTX_set_options) ctx_set_options;
  decltype(&SSL_CTX_set_verify) ctx_set_verify;
  decltype(&SSL_CTX_use_certificate_chain_file) ctx_use_certificate_chain_file;
  decltype(&SSL_CTX_use_PrivateKey_file) ctx_use_private_key_file;
  decltype(&SSL_CTX_check_private_key) ctx_check_private_key;
  decltype(&SSL_CTX_load_verify_locations) ctx_load_verify_locations;
  decltype(&SSL_CTX_set_client_CA_list) ctx_set_client_ca_list;
  decltype(&SSL_load_client_CA_file) load_client_ca_file;
  decltype(&SSL_new) make;
  decltype(&SSL_free) free;
  decltype(&SSL_set_fd) set_fd;
  decltype(&SSL_accept) accept;
  decltype(&SSL_read) read;
  decltype(&SSL_write) write;
  decltype(&SSL_shutdown) shutdown;
  decltype(&SSL_get_error) get_error;
  decltype(&ERR_get_error) err_get;
  decltype(&ERR_error_string_n) err_string;
  decltype(&ERR_clear_error) err_clear;

  // "what: " and the thread's oldest error in OpenSSL's words; forgets the others.
  Error LastError(Code code, std::string_view what) const;
};

// Any thread; loaded once and kept. Fails where the library isn't installed.
Result<const OpenSsl*> LoadOpenSsl();

}  // namespace cradle::streaming
