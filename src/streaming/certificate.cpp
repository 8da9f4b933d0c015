#include "streaming/certificate.h"

#include "base/log.h"
#include "base/sys/file.h"

namespace cradle::streaming {

Result<Certificate> Certificate::Load(TlsFiles files) {
  Certificate out(std::move(files), TRY(LoadOpenSsl()));
  out.stamp_ = TRY(out.Stamp());
  out.context_ = TRY(out.Read());
  return out;
}

Result<std::string> Certificate::Stamp() const {
  std::string stamp;
  for (const std::string& path : {files_.certificate, files_.key, files_.client_ca}) {
    if (path.empty()) continue;
    auto status = TRY(sys::FstatAt(kCwd, path, 0));
    for (auto number : {status.st_ino, static_cast<ino_t>(status.st_mtim.tv_sec), static_cast<ino_t>(status.st_mtim.tv_nsec)})
      stamp += Cat(std::to_string(number), " ");
  }
  return stamp;
}

Result<std::shared_ptr<SSL_CTX>> Certificate::Read() const {
  const OpenSsl& o = *openssl_;
  std::shared_ptr<SSL_CTX> context(o.ctx_new(o.server_method()), o.ctx_free);
  if (!context) return o.LastError(Code::kInternal, "SSL_CTX_new");
  SSL_CTX* raw = context.get();
  o.ctx_ctrl(raw, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, nullptr);
  o.ctx_ctrl(raw, SSL_CTRL_MODE, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS,
             nullptr);
  // Each session begins anew: tokens are good once.
  o.ctx_ctrl(raw, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, nullptr);
  o.ctx_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (o.ctx_use_certificate_chain_file(raw, files_.certificate.c_str()) != 1)
    return o.LastError(Code::kInvalidArgument, files_.certificate);
  if (o.ctx_use_private_key_file(raw, files_.key.c_str(), SSL_FILETYPE_PEM) != 1 || o.ctx_check_private_key(raw) != 1)
    return o.LastError(Code::kInvalidArgument, files_.key);
  if (files_.client_ca.empty()) return context;
  if (o.ctx_load_verify_locations(raw, files_.client_ca.c_str(), nullptr) != 1)
    return o.LastError(Code::kInvalidArgument, files_.client_ca);
  o.ctx_set_client_ca_list(raw, o.load_client_ca_file(files_.client_ca.c_str()));
  o.ctx_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

std::shared_ptr<SSL_CTX> Certificate::Current() {
  auto stamp = Stamp();
  if (stamp.ok() && *stamp == stamp_) return context_;
  auto read = stamp.ok() ? Read() : Result<std::shared_ptr<SSL_CTX>>(stamp.error());
  std::string seen = stamp.ok() ? std::move(*stamp) : "none";
  if (read.ok()) {
    context_ = std::move(*read);
  } else if (seen != stamp_) {
    log::Warning(Cat("streaming: the certificate stays as it was: ", read.error().text()));
  }
  stamp_ = std::move(seen);
  return context_;
}

}  // namespace cradle::streaming
