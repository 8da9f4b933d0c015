// Authenticator: what the Authorization header of a registry must say: nothing, Basic, or a Bearer token that a token
// server gave (distribution specification, "token"). The request's credentials come first, then those that config.json
// has for the server. They go to the registry's own servers and to the token server that they name over a connection no
// worse than theirs, nowhere else. Thread safe.
#pragma once

#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/http.h"
#include "image/store.h"

namespace cradle::image {

struct Challenge {
  std::string scheme;                         // lower case
  std::map<std::string, std::string> params;  // names in lower case
};
// The value of a WWW-Authenticate header: several challenges, values quoted or not. What is malformed is left out.
std::vector<Challenge> ParseChallenges(std::string_view header);

std::string Base64Encode(std::string_view bytes);
Result<std::string> Base64Decode(std::string_view text);

class Authenticator {
 public:
  // `repository`: whose images are pulled, "library/busybox". `credentials_file`: docker's config.json, or empty.
  Authenticator(const Auth& auth, std::string repository, std::string credentials_file = {});

  // The header's value for a server ("https://host"), as far as is known yet; empty: none.
  std::string HeaderFor(const RegistryHost& host);
  // After a 401 to a request that carried `sent`: finds a better header. PERMISSION_DENIED when there is none.
  Result<> Answer(HttpClient& client, const RegistryHost& host, const HttpResponse& response, const std::string& sent,
                  std::stop_token stop);

 private:
  std::string Known(const RegistryHost& host) const;  // HeaderFor, with the mutex held
  // What there is for a server, username and password decoded.
  Result<Auth> AuthFor(const RegistryHost& host) const;
  Result<std::string> FetchToken(HttpClient& client, const RegistryHost& host, const Challenge& challenge,
                                 const Auth& auth, std::stop_token stop);
  Result<std::string> AskForToken(HttpClient& client, const RegistryHost& host, const HttpRequest& request,
                                  std::stop_token stop);

  const Auth auth_;
  const std::string repository_, credentials_file_;
  std::mutex mutex_;
  std::map<std::string, std::string> headers_;  // by origin
};

}  // namespace cradle::image
