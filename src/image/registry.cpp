#include "image/registry.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <optional>

#include "base/sys/process.h"
#include "image/json.h"

namespace cradle::image {
namespace {

constexpr int kMaxRedirects = 10, kMaxChallenges = 3, kMaxFailures = 5;
constexpr size_t kMaxWarnings = 20;
constexpr size_t kMaxErrorBytes = 4096;
constexpr milliseconds kFirstPause{100}, kLongestPause{30'000};

Error Cancelled() { return {Code::kCancelled, "cancelled"}; }

Result<> Pause(milliseconds duration, std::stop_token stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any never;
  never.wait_for(lock, stop, duration, [] { return false; });
  if (stop.stop_requested()) return Cancelled();
  return {};
}

// Half to one and a half of it, so that many nodes don't come back at once.
milliseconds Jittered(milliseconds pause) {
  uint32_t random;
  sys::GetRandom(&random, sizeof random);
  return pause / 2 + milliseconds(pause.count() * (random & 1023) / 1024);
}

std::string OriginOf(const std::string& url) {
  size_t scheme = url.find("://");
  return scheme == std::string::npos ? std::string() : url.substr(0, url.find_first_of("/?", scheme + 3));
}

bool IsRedirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<std::string> NextUrl(const HttpClient& client, const std::string& url, const std::string& location) {
  auto next = client.ResolveUrl(url, location);
  if (next.ok() && !next->starts_with("https://") && !(next->starts_with("http://") && url.starts_with("http://")))
    return FailedPrecondition("a redirect from HTTPS to something less safe");
  return next;
}

// HTTPS servers answer 400 to plain HTTP.
bool SpeaksHttp(long status) { return status != 0 && status != 400; }

Code CodeOf(long status) {
  switch (status) {
    case 401:
    case 403: return Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 429: return Code::kResourceExhausted;
    default: return status >= 500 ? Code::kUnavailable : Code::kFailedPrecondition;
  }
}

// What a server says, for people.
std::string Readable(std::string_view said) {
  std::string text(said.substr(0, 300));
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

// {"errors": [{"message": "..."}]}, as registries say it.
std::string ErrorMessage(const std::string& body) {
  auto json = ParseJson(body);
  if (!json.ok()) return {};
  const Json& errors = Member(*json, "errors");
  if (!errors.is_array() || errors.empty()) return {};
  std::string text = Readable(StringMember(errors[0], "message").value_or(""));
  return text.empty() ? text : Cat(" (", text, ")");
}

bool StartsAt(const HttpResponse& response, uint64_t offset) {
  return response.Header("content-range").starts_with(Cat("bytes ", std::to_string(offset), "-"));
}

bool IsConfig(const std::string& media_type) {
  return media_type == "application/vnd.oci.image.config.v1+json" ||
         media_type == "application/vnd.docker.container.image.v1+json";
}

}  // namespace

// Distribution specification, "warnings": code 299, agent "-", the text quoted.
std::string ParseWarning(std::string_view header) {
  constexpr std::string_view kBegin = "299 - \"";
  if (!header.starts_with(kBegin)) return {};
  std::string text;
  for (size_t i = kBegin.size(); i < header.size() && header[i] != '"'; ++i) {
    if (header[i] == '\\' && i + 1 < header.size()) ++i;
    text.push_back(header[i]);
  }
  return Readable(text);
}

RegistrySource::RegistrySource(Reference reference, std::vector<RegistryHost> hosts, const Auth& auth,
                               RegistryOptions options)
    : reference_(std::move(reference)), hosts_(std::move(hosts)), options_(std::move(options)),
      authenticator_(auth, reference_.repository, options_.credentials_file) {}

Result<std::unique_ptr<HttpClient>> RegistrySource::TakeClient() {
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto client = std::move(idle_.back());
      idle_.pop_back();
      return client;
    }
  }
  return HttpClient::Create(options_.stall_timeout);
}

void RegistrySource::GiveBack(std::unique_ptr<HttpClient> client) {
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(client));
}

std::vector<RegistryHost> RegistrySource::HostsThat(bool RegistryHost::*can) const {
  std::vector<RegistryHost> out;
  for (const RegistryHost& host : hosts_)
    if (host.*can) out.push_back(host);
  return out;
}

Result<RegistrySource::Answer> RegistrySource::Get(HttpClient& client, const RegistryHost& host,
                                                   const std::string& path, const std::vector<std::string>& headers,
                                                   const HttpClient::BodySink& sink, std::stop_token stop) {
  // A mirror of several registries is told which one is meant.
  bool mirror = host.host != reference_.domain && reference_.domain != "docker.io";
  if (reference_.domain == "docker.io") mirror = host.host != "registry-1.docker.io";
  std::string url = Cat(host.Origin(), host.path, "/", reference_.repository, "/", path,
                        mirror ? Cat("?ns=", reference_.domain) : std::string());
  int redirects = 0, challenges = 0;
  for (;;) {
    bool own = OriginOf(url) == host.Origin();
    HttpRequest request{url, headers, {}};
    std::string authorization = own ? authenticator_.HeaderFor(host) : std::string();
    if (own)
      for (const auto& [name, value] : host.headers) request.headers.push_back(Cat(name, ": ", value));
    if (!authorization.empty()) request.headers.push_back(Cat("Authorization: ", authorization));
    Answer answer;
    auto route = [&](const HttpResponse& head, std::string_view bytes) -> Result<> {
      if (head.status / 100 == 2) return sink(head, bytes);
      answer.error_text.append(bytes.substr(0, kMaxErrorBytes - std::min(kMaxErrorBytes, answer.error_text.size())));
      return {};
    };
    // Certificates and the like are the host's; another server is met with the defaults.
    answer.response = TRY(client.Perform(request, own ? host : RegistryHost(), route, stop));
    if (own) TellWarnings(answer.response);
    long status = answer.response.status;
    if (own) NoteAnswer(host, SpeaksHttp(status));
    std::string location = answer.response.Header("location");
    if (status == 401 && own && challenges++ < kMaxChallenges) {
      TRYV(authenticator_.Answer(client, host, answer.response, authorization, stop));
    } else if (IsRedirect(status) && !location.empty()) {
      if (++redirects > kMaxRedirects) return FailedPrecondition("too many redirects");
      url = TRY(NextUrl(client, url, location));
    } else {
      return answer;
    }
  }
}

void RegistrySource::TellWarnings(const HttpResponse& response) {
  if (!options_.warn) return;
  auto [at, end] = response.headers.equal_range("warning");
  for (; at != end; ++at) {
    std::string text = ParseWarning(at->second);
    if (text.empty()) continue;
    {
      std::lock_guard lock(mutex_);
      if (warnings_.size() >= kMaxWarnings || !warnings_.insert(text).second) continue;
    }
    options_.warn(text);
  }
}

// Everything but success becomes an error, and the answer to "again?".
RegistrySource::Attempt RegistrySource::Judge(Result<Answer>& answer) {
  Attempt attempt;
  if (!answer.ok()) {
    attempt.again = answer.error().code() == Code::kUnavailable;
    attempt.answered = !attempt.again;
    attempt.final = answer.error().code() == Code::kCancelled;
    attempt.result = std::move(answer.error());
    return attempt;
  }
  long status = answer->response.status;
  attempt.answered = SpeaksHttp(status);
  if (status / 100 == 2) return attempt;
  attempt.again = status == 408 || status == 429 || status >= 500;
  attempt.pause = std::min<milliseconds>(answer->response.retry_after, kLongestPause);
  attempt.result = Error(CodeOf(status), Cat("answers ", std::to_string(status), ErrorMessage(answer->error_text)));
  return attempt;
}

// Whoever spoke the protocol once does so when a connection breaks, too.
bool RegistrySource::NoteAnswer(const RegistryHost& host, bool now) {
  std::lock_guard lock(mutex_);
  if (now) answered_.insert(host.Origin());
  return answered_.contains(host.Origin());
}

Result<> RegistrySource::TryHosts(const std::vector<RegistryHost>& hosts, const TryHost& attempt,
                                  std::stop_token stop) {
  std::string texts;
  Code code = Code::kUnavailable;
  auto client = TRY(TakeClient());
  bool answered = false;
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (hosts[i].fallback && answered) continue;
    bool has_fallback = i + 1 < hosts.size() && hosts[i + 1].fallback;
    // Patience is for the last one; as long as another is left, that one is asked.
    int failures = 0, allowed = i + 1 + has_fallback == hosts.size() ? kMaxFailures : 1;
    for (;;) {
      Attempt made = attempt(*client, hosts[i]);
      answered = NoteAnswer(hosts[i], made.answered);
      if (made.result.ok()) {
        GiveBack(std::move(client));
        return {};
      }
      if (made.final || stop.stop_requested()) return made.result;
      if (made.progress) failures = 0;
      if (!made.again || (has_fallback && !answered && !made.progress) || ++failures >= allowed) {
        if (made.result.error().code() != Code::kUnavailable) code = made.result.error().code();
        texts += Cat(texts.empty() ? "" : "; ", hosts[i].Origin(), " ", made.result.error().text());
        break;
      }
      milliseconds pause = std::max(made.pause, Jittered(kFirstPause * (1 << failures)));
      TRYV(Pause(std::min(pause, kLongestPause), stop));
    }
  }
  if (hosts.empty()) return FailedPrecondition(Cat("no host is configured to serve ", reference_.domain));
  return Error(code, texts);
}

RegistrySource::Attempt RegistrySource::GetDocument(HttpClient& client, const RegistryHost& host,
                                                    const std::string& path, const SizeLimit& limit,
                                                    Root& out, std::stop_token stop) {
  out = {};
  auto sink = [&](const HttpResponse&, std::string_view bytes) -> Result<> {
    out.bytes.append(bytes);
    if (out.bytes.size() > limit.bytes)
      return Error(Code::kResourceExhausted, Cat("sends a document larger than the limit of ",
                                                 std::to_string(limit.bytes), " bytes (", limit.key, ")"));
    return {};
  };
  std::vector<std::string> headers{Cat("Accept: ", path.starts_with("manifests/") ? AcceptedDocuments() : "*/*")};
  auto answer = Get(client, host, path, headers, sink, stop);
  Attempt attempt = Judge(answer);
  attempt.answered |= !out.bytes.empty();  // it may have broken off
  if (!attempt.result.ok()) return attempt;
  out.digest = DigestOf(out.bytes);
  out.media_type = answer->response.Header("content-type");
  std::string stated = answer->response.Header("docker-content-digest");
  if (stated.starts_with("sha256:") && stated != out.digest)
    attempt.result = InvalidArgument(Cat("sends a document whose digest is not the stated ", stated));
  return attempt;
}

Result<RegistrySource::Root> RegistrySource::FetchDocument(const std::vector<RegistryHost>& hosts,
                                                           const std::string& path, const std::string& digest,
                                                           const SizeLimit& limit, std::stop_token stop) {
  Root root;
  TRYV(TryHosts(hosts, [&](HttpClient& client, const RegistryHost& host) {
    Attempt attempt = GetDocument(client, host, path, limit, root, stop);
    if (attempt.result.ok() && !digest.empty() && root.digest != digest)
      attempt.result = InvalidArgument(Cat("sends a document with the digest ", root.digest, " for ", digest));
    return attempt;
  }, stop));
  return root;
}

Result<RegistrySource::Root> RegistrySource::Resolve(std::stop_token stop) {
  const std::string& digest = reference_.digest;
  auto hosts = HostsThat(digest.empty() ? &RegistryHost::resolve : &RegistryHost::pull);
  return FetchDocument(hosts, Cat("manifests/", digest.empty() ? reference_.tag : digest), digest,
                       options_.manifest_limit, stop);
}

Result<std::string> RegistrySource::Document(const Descriptor& descriptor, const SizeLimit& limit,
                                             std::stop_token stop) {
  std::string path = Cat(IsConfig(descriptor.media_type) ? "blobs/" : "manifests/", descriptor.digest);
  return TRY(FetchDocument(HostsThat(&RegistryHost::pull), path, descriptor.digest, limit, stop)).bytes;
}

RegistrySource::Attempt RegistrySource::GetBlob(HttpClient& client, const RegistryHost& host, const Descriptor& blob,
                                                uint64_t& offset, bool& ranges, const ByteSink& sink,
                                                std::stop_token stop) {
  // Transfer compression would only blur lengths.
  std::vector<std::string> headers{"Accept-Encoding: identity"};
  if (offset > 0 && ranges) headers.push_back(Cat("Range: bytes=", std::to_string(offset), "-"));
  const uint64_t start = offset;
  uint64_t at = 0;  // in the blob, of the next byte that comes
  bool begun = false;
  std::optional<Error> sink_error;
  auto receive = [&](const HttpResponse& head, std::string_view bytes) -> Result<> {
    if (!begun) {
      begun = true;
      if (head.status == 206) {
        if (!StartsAt(head, start)) return FailedPrecondition("sends another range than the one asked for");
        at = start;
      }
    }
    uint64_t known = std::min<uint64_t>(bytes.size(), offset > at ? offset - at : 0);
    at += bytes.size();
    bytes.remove_prefix(known);
    if (blob.size > 0 && offset + bytes.size() > blob.size)
      return InvalidArgument(Cat("sends more than the stated ", std::to_string(blob.size), " bytes"));
    offset += bytes.size();
    auto taken = sink(bytes);
    if (!taken.ok()) sink_error = taken.error();
    return taken;
  };
  auto answer = Get(client, host, Cat("blobs/", blob.digest), headers, receive, stop);
  Attempt attempt = Judge(answer);
  attempt.progress = offset > start;
  if (sink_error) attempt.final = true;
  if (answer.ok() && answer->response.status == 416) {  // it can't go on there: from the beginning, then
    attempt.again = ranges;
    ranges = false;
  }
  if (!attempt.result.ok()) return attempt;
  if (blob.size > 0 && offset < blob.size) {
    attempt.result = Error(Code::kUnavailable, Cat("sends only ", std::to_string(offset), " of ", std::to_string(blob.size), " bytes"));
    attempt.again = true;
  }
  return attempt;
}

Result<> RegistrySource::Feed(const Descriptor& descriptor, const ByteSink& sink, std::stop_token stop) {
  uint64_t offset = 0;
  bool ranges = true;
  return TryHosts(HostsThat(&RegistryHost::pull), [&](HttpClient& client, const RegistryHost& host) {
    return GetBlob(client, host, descriptor, offset, ranges, sink, stop);
  }, stop);
}

}  // namespace cradle::image
