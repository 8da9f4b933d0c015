// HttpClient: one HTTP exchange at a time, over connections that it keeps; by libcurl. Redirects are not followed and
// no credentials are its own: both are the caller's business. HTTP/2 where a server speaks it; proxies as the environment
// says (image/proxy.h). No total timeout: an exchange fails when nothing has come for the stall timeout. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "image/curl.h"
#include "image/hosts.h"
#include "image/source.h"

namespace cradle::image {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string form;                  // not empty: POST, x-www-form-urlencoded
};

struct HttpResponse {
  long status = 0;
  std::multimap<std::string, std::string> headers;  // names in lower case
  seconds retry_after{0};                           // that it asks for; a date is counted from now

  // The first one's value, or empty.
  std::string Header(const std::string& name) const;
};

class HttpClient {
 public:
  static Result<std::unique_ptr<HttpClient>> Create(milliseconds stall_timeout);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  using BodySink = std::function<Result<>(const HttpResponse& head, std::string_view bytes)>;
  // `host`: certificates and timeouts; of several certificates of ours the first that the server takes. An error of the sink
  // ends the exchange and is returned. kUnavailable: the connection failed or broke.
  Result<HttpResponse> Perform(const HttpRequest& request, const RegistryHost& host, const BodySink& sink,
                               std::stop_token stop);

  // `location` as seen from `base`.
  Result<std::string> ResolveUrl(const std::string& base, const std::string& location) const;

 private:
  struct Exchange;
  HttpClient(const Curl& curl, CURL* easy, CURLM* multi, milliseconds stall_timeout)
      : curl_(curl), easy_(easy), multi_(multi), stall_timeout_(stall_timeout) {}
  using Certificate = std::pair<std::string, std::string>;  // its file and the key's, or both empty: none
  Result<HttpResponse> PerformWith(const Certificate& ours, const HttpRequest& request, const RegistryHost& host,
                                   const BodySink& sink, std::stop_token stop);
  bool WasRefused() const;
  void SetTransport(const HttpRequest& request, const RegistryHost& host);
  Result<> SetTls(const RegistryHost& host, const Certificate& ours);
  Result<> Drive(Exchange& exchange, const std::string& host, const Certificate& ours, std::stop_token stop);
  static size_t OnHeader(char* data, size_t size, size_t count, void* exchange);
  static size_t OnBody(char* data, size_t size, size_t count, void* exchange);

  const Curl& curl_;
  CURL* const easy_;
  CURLM* const multi_;
  const milliseconds stall_timeout_;
  std::map<std::string, size_t> accepted_;  // which of our certificates, by origin
  char error_[CURL_ERROR_SIZE] = "";  // of the last exchange, more exact than its code
};

}  // namespace cradle::image
