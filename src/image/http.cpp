#include "image/http.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/sys/file.h"
#include "image/proxy.h"

namespace cradle::image {
namespace {

constexpr size_t kMaxHeaderBytes = 256 * 1024;
constexpr long kBufferBytes = 256 * 1024;
constexpr size_t kMaxCaBytes = 4 << 20;
constexpr int kPollMillis = 1000;
constexpr std::string_view kAlert = " alert ";  // in what libcurl says of TLS
constexpr const char* kSystemCa = "/etc/ssl/certs/ca-certificates.crt";

// Certificates and keys don't get better by asking again.
bool IsRefusal(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ISSUER_ERROR;
}

// Whose certificate it is about; libcurl's own words say what is wrong with it.
std::string Verdict(CURLcode code, const std::string& said, const std::string& host, const std::string& ours) {
  if (code == CURLE_PEER_FAILED_VERIFICATION) return Cat("the certificate of ", host, " is not accepted: ", said);
  if (code == CURLE_SSL_CERTPROBLEM) return Cat("this node's certificate ", ours, " can't be used: ", said);
  if (code == CURLE_SSL_CONNECT_ERROR) return Cat("no TLS connection to ", host, ": ", said);
  // An alert comes when the handshake seems to be over (TLS 1.3).
  if (said.find(kAlert) == std::string::npos) return said;
  if (ours.empty()) return Cat("the server wants a certificate of this node (\"client\" in hosts.toml): ", said);
  return Cat("the server refuses this node's certificate ", ours, ": ", said);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string HttpResponse::Header(const std::string& name) const {
  auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

struct HttpClient::Exchange {
  const BodySink& sink;
  HttpResponse response;
  size_t header_bytes = 0;
  std::optional<Error> error;  // the sink's
  std::chrono::steady_clock::time_point last_progress = std::chrono::steady_clock::now();
};

Result<std::unique_ptr<HttpClient>> HttpClient::Create(milliseconds stall_timeout) {
  const Curl* curl = TRY(LoadCurl());
  CURL* easy = curl->easy_init();
  CURLM* multi = curl->multi_init();
  if (easy && multi) return std::unique_ptr<HttpClient>(new HttpClient(*curl, easy, multi, stall_timeout));
  if (easy) curl->easy_cleanup(easy);
  if (multi) (void)curl->multi_cleanup(multi);
  return Error(Code::kResourceExhausted, "libcurl gives no handle");
}

HttpClient::~HttpClient() {
  curl_.easy_cleanup(easy_);
  (void)curl_.multi_cleanup(multi_);
}

size_t HttpClient::OnHeader(char* data, size_t size, size_t count, void* opaque) {
  auto& exchange = *static_cast<Exchange*>(opaque);
  std::string_view line(data, size * count);
  exchange.last_progress = std::chrono::steady_clock::now();
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > kMaxHeaderBytes) return 0;
  if (line.starts_with("HTTP/")) {  // also the second one, behind "100 Continue" or a proxy's
    size_t space = line.find(' ');
    exchange.response = {};
    exchange.response.status = space == std::string_view::npos ? 0 : std::atol(std::string(line.substr(space + 1, 3)).c_str());
  } else if (size_t colon = line.find(':'); colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    exchange.response.headers.emplace(name, Trim(line.substr(colon + 1)));
  }
  return line.size();
}

size_t HttpClient::OnBody(char* data, size_t size, size_t count, void* opaque) {
  auto& exchange = *static_cast<Exchange*>(opaque);
  auto taken = exchange.sink(exchange.response, {data, size * count});
  // The sink may have waited for a disk: that is no stall of the network.
  exchange.last_progress = std::chrono::steady_clock::now();
  if (taken.ok()) return size * count;
  exchange.error = std::move(taken.error());
  return CURL_WRITEFUNC_ERROR;
}

Result<> HttpClient::SetTls(const RegistryHost& host, const Certificate& ours) {
  curl_.easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, host.skip_verify ? 0L : 1L);
  curl_.easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, host.skip_verify ? 0L : 2L);
  if (!host.ca.empty()) {
    // The host's authorities besides the system's, as containerd has it; libcurl takes one bundle.
    std::string bundle = sys::ReadFile(kCwd, kSystemCa, kMaxCaBytes).value_or("");
    for (const std::string& file : host.ca) bundle += "\n" + TRY(sys::ReadFile(kCwd, file, kMaxCaBytes).With("ca"));
    curl_blob blob{bundle.data(), bundle.size(), CURL_BLOB_COPY};
    curl_.easy_setopt(easy_, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (const auto& [certificate, key] = ours; !certificate.empty()) {
    curl_.easy_setopt(easy_, CURLOPT_SSLCERT, certificate.c_str());
    curl_.easy_setopt(easy_, CURLOPT_SSLKEY, (key.empty() ? certificate : key).c_str());
  }
  return {};
}

Result<> HttpClient::Drive(Exchange& exchange, const std::string& host, const Certificate& ours,
                           std::stop_token stop) {
  std::stop_callback wake(stop, [this] { curl_.multi_wakeup(multi_); });
  for (;;) {
    int running = 0;
    if (curl_.multi_perform(multi_, &running) != CURLM_OK) return Internal("libcurl fails");
    if (exchange.error) return std::move(*exchange.error);
    if (stop.stop_requested()) return Error(Code::kCancelled, "cancelled");
    if (running == 0) break;
    if (std::chrono::steady_clock::now() - exchange.last_progress > stall_timeout_)
      return Error(Code::kUnavailable,
                   Cat("nothing came for ", std::to_string(duration_cast<seconds>(stall_timeout_).count()), " seconds"));
    curl_.multi_poll(multi_, nullptr, 0, kPollMillis, nullptr);
  }
  int left = 0;
  CURLMsg* message = curl_.multi_info_read(multi_, &left);
  if (!message || message->msg != CURLMSG_DONE) return Internal("libcurl says nothing");
  if (message->data.result == CURLE_OK) return {};
  CURLcode code = message->data.result;
  return Error(IsRefusal(code) ? Code::kFailedPrecondition : Code::kUnavailable,
               Verdict(code, error_[0] ? error_ : curl_.easy_strerror(code), host, ours.first));
}

void HttpClient::SetTransport(const HttpRequest& request, const RegistryHost& host) {
  curl_.easy_reset(easy_);
  error_[0] = 0;
  curl_.easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  curl_.easy_setopt(easy_, CURLOPT_URL, request.url.c_str());
  curl_.easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_.easy_setopt(easy_, CURLOPT_PROXY, ProxyFor(request.url, ProxyEnvironment()).c_str());
  curl_.easy_setopt(easy_, CURLOPT_NOPROXY, "");
  curl_.easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_.easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_.easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_.easy_setopt(easy_, CURLOPT_USERAGENT, "cradle");
  curl_.easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(host.dial_timeout.count()));
  curl_.easy_setopt(easy_, CURLOPT_BUFFERSIZE, kBufferBytes);
}

// Of us, by TLS: nothing of the answer has come.
bool HttpClient::WasRefused() const { return std::string_view(error_).find(kAlert) != std::string_view::npos; }

Result<HttpResponse> HttpClient::Perform(const HttpRequest& request, const RegistryHost& host, const BodySink& sink,
                                         std::stop_token stop) {
  if (host.client.empty()) return PerformWith({}, request, host, sink, stop);
  for (size_t& which = accepted_[host.Origin()];; ++which) {
    auto response = PerformWith(host.client[which], request, host, sink, stop);
    if (response.ok() || !WasRefused() || which + 1 == host.client.size()) return response;
  }
}

Result<HttpResponse> HttpClient::PerformWith(const Certificate& ours, const HttpRequest& request,
                                             const RegistryHost& host, const BodySink& sink, std::stop_token stop) {
  Exchange exchange{sink, {}, 0, std::nullopt};
  SetTransport(request, host);
  curl_.easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &HttpClient::OnHeader);
  curl_.easy_setopt(easy_, CURLOPT_HEADERDATA, &exchange);
  curl_.easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &HttpClient::OnBody);
  curl_.easy_setopt(easy_, CURLOPT_WRITEDATA, &exchange);
  if (!request.form.empty()) curl_.easy_setopt(easy_, CURLOPT_COPYPOSTFIELDS, request.form.c_str());
  TRYV(SetTls(host, ours));
  curl_slist* headers = nullptr;
  for (const std::string& header : request.headers) headers = curl_.slist_append(headers, header.c_str());
  curl_.easy_setopt(easy_, CURLOPT_HTTPHEADER, headers);
  curl_.multi_add_handle(multi_, easy_);
  auto done = Drive(exchange, host.host, ours, stop);
  curl_.multi_remove_handle(multi_, easy_);
  curl_.slist_free_all(headers);
  curl_off_t retry_after = 0;
  curl_.easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &retry_after);
  exchange.response.retry_after = seconds(retry_after);
  if (!done.ok()) return std::move(done.error());
  return std::move(exchange.response);
}

Result<std::string> HttpClient::ResolveUrl(const std::string& base, const std::string& location) const {
  CURLU* url = curl_.url();
  char* text = nullptr;
  bool fine = url && curl_.url_set(url, CURLUPART_URL, base.c_str(), 0) == CURLUE_OK &&
              curl_.url_set(url, CURLUPART_URL, location.c_str(), 0) == CURLUE_OK &&
              curl_.url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK;
  std::string out = fine ? text : "";
  if (text) curl_.free(text);
  if (url) curl_.url_cleanup(url);
  if (out.empty()) return InvalidArgument("a redirect to something that is no URL");
  return out;
}

}  // namespace cradle::image
