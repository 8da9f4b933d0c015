#include "image/auth.h"

#include <algorithm>
#include <cctype>

#include "image/credentials.h"
#include "image/json.h"

namespace cradle::image {
namespace {

constexpr size_t kMaxTokenBytes = 1 << 20;
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool IsTokenChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string_view TakeToken(std::string_view& rest) {
  size_t size = 0;
  while (size < rest.size() && IsTokenChar(rest[size])) ++size;
  std::string_view token = rest.substr(0, size);
  rest.remove_prefix(size);
  return token;
}

void SkipAny(std::string_view& rest, std::string_view what) {
  while (!rest.empty() && what.find(rest.front()) != std::string_view::npos) rest.remove_prefix(1);
}

std::string TakeValue(std::string_view& rest) {
  if (!rest.starts_with('"')) return std::string(TakeToken(rest));
  std::string out;
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() != '"') {
    if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
    out.push_back(rest.front());
    rest.remove_prefix(1);
  }
  if (!rest.empty()) rest.remove_prefix(1);
  return out;
}

std::string UrlEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos) out.push_back(c);
    else out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
  }
  return out;
}

std::string HostOf(std::string_view address) {
  if (size_t scheme = address.find("://"); scheme != std::string_view::npos) address.remove_prefix(scheme + 3);
  return std::string(address.substr(0, address.find('/')));
}

bool IsGiven(const Auth& auth) {
  return !(auth.username.empty() && auth.password.empty() && auth.auth.empty() && auth.identity_token.empty() &&
           auth.registry_token.empty());
}

// Credentials that name a server are for that server.
bool MayGoTo(const Auth& auth, const RegistryHost& host) {
  return auth.server_address.empty() || CredentialHost(auth.server_address) == CredentialHost(host.host);
}

// "auth" is base64 of user:password.
Result<Auth> Decoded(Auth auth) {
  if (auth.auth.empty() || !auth.username.empty()) return auth;
  auto decoded = Base64Decode(auth.auth);
  size_t colon = decoded.ok() ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos)
    return InvalidArgument("the credentials' \"auth\" is not base64 of user:password");
  auth.username = decoded->substr(0, colon);
  auth.password = decoded->substr(colon + 1);
  while (auth.password.ends_with('\0')) auth.password.pop_back();
  return auth;
}

}  // namespace

std::vector<Challenge> ParseChallenges(std::string_view rest) {
  std::vector<Challenge> out;
  for (;;) {
    SkipAny(rest, " \t,");
    std::string_view word = TakeToken(rest);
    if (word.empty()) return out;
    SkipAny(rest, " \t");
    if (!rest.starts_with('=')) {  // a scheme; what follows are its parameters
      out.push_back({Lower(word), {}});
      continue;
    }
    rest.remove_prefix(1);
    SkipAny(rest, " \t");
    std::string value = TakeValue(rest);
    if (!out.empty()) out.back().params.emplace(Lower(word), std::move(value));
  }
}

std::string Base64Encode(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    size_t have = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out.push_back(j <= have ? kAlphabet[group >> (18 - 6 * j) & 63] : '=');
  }
  return out;
}

Result<std::string> Base64Decode(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int have = 0;
  for (char c : text) {
    size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return InvalidArgument("malformed base64");
    bits = bits << 6 | static_cast<uint32_t>(value);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out.push_back(static_cast<char>(bits >> have & 0xff));
    }
  }
  return out;
}

Authenticator::Authenticator(const Auth& auth, std::string repository, std::string credentials_file)
    : auth_(auth), repository_(std::move(repository)), credentials_file_(std::move(credentials_file)) {}

Result<Auth> Authenticator::AuthFor(const RegistryHost& host) const {
  if (IsGiven(auth_)) return MayGoTo(auth_, host) ? Decoded(auth_) : Auth();
  auto found = TRY(CredentialsFor(credentials_file_, host.host, repository_));
  return found ? Decoded(std::move(*found)) : Auth();
}

std::string Authenticator::HeaderFor(const RegistryHost& host) {
  std::lock_guard lock(mutex_);
  return Known(host);
}

std::string Authenticator::Known(const RegistryHost& host) const {
  if (auto found = headers_.find(host.Origin()); found != headers_.end()) return found->second;
  if (!auth_.registry_token.empty() && MayGoTo(auth_, host)) return Cat("Bearer ", auth_.registry_token);
  return {};
}

Result<std::string> Authenticator::AskForToken(HttpClient& client, const RegistryHost& host,
                                               const HttpRequest& request, std::stop_token stop) {
  std::string body;
  auto sink = [&](const HttpResponse&, std::string_view bytes) -> Result<> {
    body.append(bytes);
    if (body.size() > kMaxTokenBytes) return InvalidArgument("the token server's answer is too large");
    return {};
  };
  auto response = TRY(client.Perform(request, host, sink, stop).With("token server"));
  if (response.status != 200)
    return Error(response.status == 429 || response.status >= 500 ? Code::kUnavailable : Code::kPermissionDenied,
                 Cat("the token server answers ", std::to_string(response.status)));
  Json json = TRY(ParseJson(body).With("token server"));
  std::string token = TRY(StringMember(json, "token"));
  if (token.empty()) token = TRY(StringMember(json, "access_token"));
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos)
    return Error(Code::kPermissionDenied, "the token server gave no token");
  return token;
}

Result<std::string> Authenticator::FetchToken(HttpClient& client, const RegistryHost& host, const Challenge& challenge,
                                              const Auth& auth, std::stop_token stop) {
  auto param = [&](const char* name) {
    auto found = challenge.params.find(name);
    return found == challenge.params.end() ? std::string() : found->second;
  };
  std::string realm = param("realm");
  if (!realm.starts_with("https://") && !(realm.starts_with("http://") && host.scheme == "http"))
    return Error(Code::kPermissionDenied, Cat("the registry names a token server that is not safe: ", realm.substr(0, 200)));
  std::string scope = param("scope");
  if (scope.empty()) scope = Cat("repository:", repository_, ":pull");
  std::string query = Cat("service=", UrlEncode(param("service")), "&scope=", UrlEncode(scope));
  RegistryHost server = host;
  if (HostOf(realm) != host.host) {  // another one is trusted like the host, but the host's keys and headers aren't for it
    server = {};
    server.ca = host.ca;
  }
  if (!auth.identity_token.empty()) {
    HttpRequest post{realm, {}, Cat("grant_type=refresh_token&client_id=cradle&", query, "&refresh_token=",
                                    UrlEncode(auth.identity_token))};
    auto token = AskForToken(client, server, post, stop);
    // Servers that know only GET refuse the form; they get the user's password, if there is one.
    if (token.ok() || token.error().code() != Code::kPermissionDenied || auth.username.empty()) return token;
  }
  HttpRequest get{Cat(realm, realm.find('?') == std::string::npos ? "?" : "&", query), {}, {}};
  if (!auth.username.empty())
    get.headers.push_back(Cat("Authorization: Basic ", Base64Encode(Cat(auth.username, ":", auth.password))));
  return AskForToken(client, server, get, stop);
}

Result<> Authenticator::Answer(HttpClient& client, const RegistryHost& host, const HttpResponse& response,
                               const std::string& sent, std::stop_token stop) {
  std::lock_guard lock(mutex_);  // one token for all layers
  if (Known(host) != sent) return {};  // another thread has found one since
  Auth auth = TRY(AuthFor(host));
  auto [at, end] = response.headers.equal_range("www-authenticate");
  for (; at != end; ++at) {
    for (const Challenge& challenge : ParseChallenges(at->second)) {
      std::string found;
      if (challenge.scheme == "bearer") {
        found = auth.registry_token.empty() || sent == Cat("Bearer ", auth.registry_token)
                    ? Cat("Bearer ", TRY(FetchToken(client, host, challenge, auth, stop)))
                    : Cat("Bearer ", auth.registry_token);
      } else if (challenge.scheme == "basic" && !auth.username.empty()) {
        found = Cat("Basic ", Base64Encode(Cat(auth.username, ":", auth.password)));
      }
      if (found.empty() || found == sent) continue;
      headers_[host.Origin()] = found;
      return {};
    }
  }
  return Error(Code::kPermissionDenied, IsGiven(auth) ? "the registry refuses the credentials"
                                                      : "the registry wants credentials, and there are none for it");
}

}  // namespace cradle::image
