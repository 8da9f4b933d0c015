// FakeRegistry: an HTTP/1.1 server on loopback, with or without TLS, that serves images from memory, remembers what it
// was asked, and can be told to misbehave. It is a proxy too: what it is asked for by a whole URL, it serves; to CONNECT
// it says yes and then is the server itself. One thread per connection; all of them end with it.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "image/builtin/layout_writer.h"
#include "test_authority.h"

struct ssl_ctx_st;

namespace cradle::image {

class FakeRegistry {
 public:
  struct Request {
    std::string method, path, query, body;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string Header(const std::string& name) const {
      auto found = headers.find(name);
      return found == headers.end() ? "" : found->second;
    }
  };
  struct Reply {
    int status = 200;
    std::vector<std::string> headers;  // "Name: value"
    std::string body;
    std::optional<size_t> cut_after;   // the connection ends after so many bytes of the body
    bool stall = false;                // instead of ending, it stays open and nothing more comes
  };
  struct Tls {
    Pem identity;
    std::string client_authority;  // not empty: clients must have a certificate of its
  };

  FakeRegistry() : FakeRegistry(std::nullopt) {}
  explicit FakeRegistry(std::optional<Tls> tls);
  ~FakeRegistry();

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const { return (tls_ ? "https://" : "http://") + host(); }
  // Serves the image as host()/repository:tag; returns the index's digest.
  std::string Serve(const std::string& repository, const std::string& tag, const LayoutImage& image);
  void ServeManifest(const std::string& repository, const std::string& tag, const std::string& bytes,
                     const std::string& media_type);
  // Asked before anything else; no answer means the usual one.
  void SetHook(std::function<std::optional<Reply>(const Request&)> hook);
  // The usual answer.
  Reply Answer(const Request& request);
  std::vector<Request> requests() const;
  size_t Count(const std::string& path_part) const;
  size_t connections() const;  // all that there were

 private:
  class Connection;
  void Accept();
  void Serve(int fd);
  // Serves one request; false when the connection is over.
  bool ServeOne(Connection& connection);
  bool Send(Connection& connection, const Reply& reply);

  ssl_ctx_st* tls_ = nullptr;
  UniqueFd listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, std::pair<std::string, std::string>> manifests_;  // "repo/manifests/x" -> type, bytes
  std::map<std::string, std::string> blobs_;                              // by digest
  std::function<std::optional<Reply>(const Request&)> hook_;
  std::vector<Request> requests_;
  std::list<UniqueFd> connections_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace cradle::image
