// RegistrySource: a registry's documents and blobs (distribution specification 1.1) by way of its mirrors. Tries the
// hosts in their order; repeats what may go better a second time, with growing pauses; goes on in the middle of a blob
// that broke off. Redirects lose the credentials when they lead to another server. What a registry warns of (its Warning
// headers) is told once. Thread safe.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/auth.h"
#include "image/hosts.h"
#include "image/http.h"
#include "image/reference.h"
#include "image/source.h"

namespace cradle::image {

struct RegistryOptions {
  std::string credentials_file;                 // docker's config.json, or empty
  milliseconds stall_timeout = seconds(60);
  SizeLimit manifest_limit = DocumentLimits().manifest;  // of what a reference stands for
  std::function<void(const std::string&)> warn;  // any thread; may be empty
};

// The text of a Warning header that a registry sends ("299 - \"text\""); empty if it is none.
std::string ParseWarning(std::string_view header);

class RegistrySource : public Source {
 public:
  RegistrySource(Reference reference, std::vector<RegistryHost> hosts, const Auth& auth, RegistryOptions options);

  std::string registry() const override { return reference_.domain; }
  struct Root {
    std::string digest, bytes, media_type;
  };
  // The document that the reference stands for.
  Result<Root> Resolve(std::stop_token stop);
  Result<std::string> Document(const Descriptor& descriptor, const SizeLimit& limit, std::stop_token stop) override;
  Result<> Feed(const Descriptor& descriptor, const ByteSink& sink, std::stop_token stop) override;

 private:
  // One attempt at one host; what it left to be done is in its own variables.
  struct Attempt {
    Result<> result;
    bool final = false;       // no host and no repetition would help
    bool again = false;       // the same host may do better
    milliseconds pause{0};    // that it asked for
    bool progress = false;    // it brought something
    bool answered = false;    // by HTTP that makes sense
  };
  bool NoteAnswer(const RegistryHost& host, bool now);  // whether it ever gave one
  using TryHost = std::function<Attempt(HttpClient& client, const RegistryHost& host)>;
  Result<> TryHosts(const std::vector<RegistryHost>& hosts, const TryHost& attempt, std::stop_token stop);
  std::vector<RegistryHost> HostsThat(bool RegistryHost::*can) const;

  struct Answer {
    HttpResponse response;
    std::string error_text;  // of a response that is no success
  };
  // GET with authentication and redirects; `sink` sees only successful bodies.
  Result<Answer> Get(HttpClient& client, const RegistryHost& host, const std::string& path,
                     const std::vector<std::string>& headers, const HttpClient::BodySink& sink, std::stop_token stop);
  static Attempt Judge(Result<Answer>& answer);
  void TellWarnings(const HttpResponse& response);
  Attempt GetDocument(HttpClient& client, const RegistryHost& host, const std::string& path, const SizeLimit& limit,
                      Root& out, std::stop_token stop);
  Attempt GetBlob(HttpClient& client, const RegistryHost& host, const Descriptor& blob, uint64_t& offset,
                  bool& ranges, const ByteSink& sink, std::stop_token stop);
  Result<Root> FetchDocument(const std::vector<RegistryHost>& hosts, const std::string& path, const std::string& digest,
                             const SizeLimit& limit, std::stop_token stop);

  Result<std::unique_ptr<HttpClient>> TakeClient();
  void GiveBack(std::unique_ptr<HttpClient> client);

  const Reference reference_;
  const std::vector<RegistryHost> hosts_;
  const RegistryOptions options_;
  Authenticator authenticator_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<HttpClient>> idle_;  // with their connections
  std::set<std::string> warnings_;                 // told
  std::set<std::string> answered_;                 // origins
};

}  // namespace cradle::image
