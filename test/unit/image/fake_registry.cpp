#include "fake_registry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "image/documents.h"

namespace cradle::image {
namespace {

constexpr char kTlsHandshake = 0x16;  // what a client of TLS begins with

SSL_CTX* MakeContext(const FakeRegistry::Tls& tls) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  auto bio = [](const std::string& pem) { return BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())); };
  BIO* certificate_bio = bio(tls.identity.certificate);
  BIO* key_bio = bio(tls.identity.key);
  X509* certificate = PEM_read_bio_X509(certificate_bio, nullptr, nullptr, nullptr);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
  if (SSL_CTX_use_certificate(context, certificate) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1) std::abort();
  X509_free(certificate);
  EVP_PKEY_free(key);
  BIO_free(certificate_bio);
  BIO_free(key_bio);
  if (tls.client_authority.empty()) return context;
  BIO* authority_bio = bio(tls.client_authority);
  X509* authority = PEM_read_bio_X509(authority_bio, nullptr, nullptr, nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  X509_free(authority);
  BIO_free(authority_bio);
  return context;
}

// Whether a client of this TLS server takes it for a proxy first.
bool StartsWithConnect(int fd) {
  char first = 0;
  return ::recv(fd, &first, 1, MSG_PEEK) == 1 && first == 'C';
}

FakeRegistry::Request ParseHead(const std::string& head) {
  FakeRegistry::Request request;
  size_t first = head.find(' '), second = head.find(' ', first + 1), line = head.find("\r\n");
  request.method = head.substr(0, first);
  request.path = head.substr(first + 1, second - first - 1);
  if (request.path.starts_with("http://")) request.path.erase(0, request.path.find('/', 7));
  if (size_t mark = request.path.find('?'); mark != std::string::npos) {
    request.query = request.path.substr(mark + 1);
    request.path.resize(mark);
  }
  while (line + 2 < head.size()) {
    size_t end = head.find("\r\n", line + 2);
    std::string text = head.substr(line + 2, end - line - 2);
    line = end;
    size_t colon = text.find(':');
    if (colon == std::string::npos) break;
    std::string name = text.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    request.headers[name] = text.substr(std::min(colon + 2, text.size()));
  }
  return request;
}

}  // namespace

// The bytes of one client, in the clear or not.
class FakeRegistry::Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection() { SSL_free(ssl_); }
  bool BeginTls(SSL_CTX* context) {
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
    return SSL_accept(ssl_) == 1;
  }
  // False when the peer has gone.
  bool ReadMore() {
    char bytes[65536];
    ssize_t got = ssl_ ? SSL_read(ssl_, bytes, sizeof bytes) : ::recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer.append(bytes, static_cast<size_t>(got));
    return true;
  }
  bool SendAll(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t put = ssl_ ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                         : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return true;
  }
  void End() { ::shutdown(fd_, SHUT_RDWR); }

  std::string buffer;  // read and not yet used

 private:
  const int fd_;
  SSL* ssl_ = nullptr;
};

FakeRegistry::FakeRegistry(std::optional<Tls> tls) : tls_(tls ? MakeContext(*tls) : nullptr), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) < 0 || ::listen(listener_.get(), 64) < 0) std::abort();
  ::getsockname(listener_.get(), generic, &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeRegistry::~FakeRegistry() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    std::lock_guard lock(mutex_);
    for (UniqueFd& fd : connections_) ::shutdown(fd.get(), SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  SSL_CTX_free(tls_);
}

void FakeRegistry::Accept() {
  for (;;) {
    int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::lock_guard lock(mutex_);
    connections_.emplace_back(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void FakeRegistry::Serve(int fd) {
  Connection connection(fd);
  bool proxied = tls_ && StartsWithConnect(fd);
  if (proxied && !ServeOne(connection)) return;
  if (tls_ && !connection.BeginTls(tls_)) return connection.End();
  while (ServeOne(connection)) continue;
}

bool FakeRegistry::ServeOne(Connection& connection) {
  std::string& buffer = connection.buffer;
  size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!connection.ReadMore()) return false;
    if (!tls_ && buffer[0] == kTlsHandshake) {
      connection.End();
      return false;
    }
  }
  Request request = ParseHead(buffer.substr(0, end + 2));
  buffer.erase(0, end + 4);
  size_t length = std::strtoul(request.Header("content-length").c_str(), nullptr, 10);
  while (buffer.size() < length)
    if (!connection.ReadMore()) return false;
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  std::function<std::optional<Reply>(const Request&)> hook;
  {
    std::lock_guard lock(mutex_);
    requests_.push_back(request);
    hook = hook_;
  }
  auto hooked = hook ? hook(request) : std::nullopt;
  if (request.method == "CONNECT" && !hooked) return connection.SendAll("HTTP/1.1 200 OK\r\n\r\n");
  return Send(connection, hooked ? *hooked : Answer(request));
}

bool FakeRegistry::Send(Connection& connection, const Reply& reply) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\n";
  for (const std::string& header : reply.headers) head += header + "\r\n";
  head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n";
  std::string_view body = reply.body;
  if (reply.cut_after) body = body.substr(0, *reply.cut_after);
  if (!connection.SendAll(head) || !connection.SendAll(body)) return false;
  if (!reply.cut_after) return true;
  while (reply.stall && connection.ReadMore()) continue;  // until the client gives up
  connection.End();
  return false;
}

std::string FakeRegistry::Serve(const std::string& repository, const std::string& tag, const LayoutImage& image) {
  LayoutDocuments documents = MakeDocuments(image);
  ServeManifest(repository, DigestOf(documents.manifest), documents.manifest,
                "application/vnd.oci.image.manifest.v1+json");
  ServeManifest(repository, tag, documents.index, "application/vnd.oci.image.index.v1+json");
  std::lock_guard lock(mutex_);
  blobs_[DigestOf(documents.config)] = documents.config;
  for (const std::string& layer : image.layers) blobs_[DigestOf(layer)] = layer;
  return DigestOf(documents.index);
}

void FakeRegistry::ServeManifest(const std::string& repository, const std::string& tag, const std::string& bytes,
                                 const std::string& media_type) {
  std::lock_guard lock(mutex_);
  manifests_["/v2/" + repository + "/manifests/" + tag] = {media_type, bytes};
  manifests_["/v2/" + repository + "/manifests/" + DigestOf(bytes)] = {media_type, bytes};
}

void FakeRegistry::SetHook(std::function<std::optional<Reply>(const Request&)> hook) {
  std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

FakeRegistry::Reply FakeRegistry::Answer(const Request& request) {
  std::lock_guard lock(mutex_);
  if (auto found = manifests_.find(request.path); found != manifests_.end())
    return {200, {"Content-Type: " + found->second.first}, found->second.second, {}};
  size_t blob = request.path.find("/blobs/");
  auto found = blob == std::string::npos ? blobs_.end() : blobs_.find(request.path.substr(blob + 7));
  if (found == blobs_.end())
    return {404, {}, R"({"errors":[{"code":"X","message":"no such thing"}]})", {}};
  std::string range = request.Header("range");
  if (!range.starts_with("bytes=")) return {200, {}, found->second, {}};
  size_t from = std::strtoul(range.c_str() + 6, nullptr, 10), size = found->second.size();
  if (from >= size) return {416, {}, "", {}};
  std::string stated = std::to_string(from) + "-" + std::to_string(size - 1) + "/" + std::to_string(size);
  return {206, {"Content-Range: bytes " + stated}, found->second.substr(from), {}};
}

std::vector<FakeRegistry::Request> FakeRegistry::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

size_t FakeRegistry::connections() const {
  std::lock_guard lock(mutex_);
  return connections_.size();
}

size_t FakeRegistry::Count(const std::string& path_part) const {
  std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::count_if(requests_.begin(), requests_.end(), [&](const Request& request) {
    return request.path.find(path_part) != std::string::npos;
  }));
}

}  // namespace cradle::image
