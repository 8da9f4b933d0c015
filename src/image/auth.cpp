#include "image/auth.h"

#include <algorithm>
#include <cctype>

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

bool IsHub(const std::string& host) {
  return host == "docker.io" || host == "index.docker.io" || host == "registry-1.docker.io";
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

Authenticator::Authenticator(const Auth& auth, std::string repository)
    : auth_(auth), repository_(std::move(repository)) {
  if (auth_.auth.empty() || !auth_.username.empty()) return;
  auto decoded = Base64Decode(auth_.auth);
  size_t colon = decoded.ok() ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    bad_auth_ = InvalidArgument("the credentials' \"auth\" is not base64 of user:password");
    return;
  }
  auth_.username = decoded->substr(0, colon);
  auth_.password = decoded->substr(colon + 1);
  while (auth_.password.ends_with('\0')) auth_.password.pop_back();
}

// Credentials that name a server are for that server.
bool Authenticator::MayGoTo(const RegistryHost& host) const {
  if (auth_.server_address.empty()) return true;
  std::string named = HostOf(auth_.server_address);
  return named == host.host || (IsHub(named) && IsHub(host.host));
}

std::string Authenticator::HeaderFor(const RegistryHost& host) {
  std::lock_guard lock(mutex_);
  if (auto found = headers_.find(host.Origin()); found != headers_.end()) return found->second;
  if (!auth_.registry_token.empty() && MayGoTo(host)) return Cat("Bearer ", auth_.registry_token);
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
    return Error(Code::kPermissionDenied, Cat("the token server answers ", std::to_string(response.status)));
  Json json = TRY(ParseJson(body).With("token server"));
  std::string token = TRY(StringMember(json, "token"));
  if (token.empty()) token = TRY(StringMember(json, "access_token"));
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos)
    return Error(Code::kPermissionDenied, "the token server gave no token");
  return token;
}

Result<std::string> Authenticator::FetchToken(HttpClient& client, const RegistryHost& host, const Challenge& challenge,
                                              std::stop_token stop) {
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
  bool known = MayGoTo(host);
  // Its own TLS settings: the host's are for the host.
  RegistryHost server = HostOf(realm) == host.host ? host : RegistryHost();
  if (known && !auth_.identity_token.empty()) {
    HttpRequest post{realm, {}, Cat("grant_type=refresh_token&client_id=cradle&", query, "&refresh_token=",
                                    UrlEncode(auth_.identity_token))};
    return AskForToken(client, server, post, stop);
  }
  HttpRequest get{Cat(realm, realm.find('?') == std::string::npos ? "?" : "&", query), {}, {}};
  if (known && !auth_.username.empty())
    get.headers.push_back(Cat("Authorization: Basic ", Base64Encode(Cat(auth_.username, ":", auth_.password))));
  return AskForToken(client, server, get, stop);
}

Result<> Authenticator::Answer(HttpClient& client, const RegistryHost& host, const HttpResponse& response,
                               const std::string& sent, std::stop_token stop) {
  std::lock_guard lock(mutex_);  // one token for all layers
  if (!bad_auth_.text().empty()) return bad_auth_;
  std::string& header = headers_[host.Origin()];
  if (header != sent) return {};  // another thread has found one since
  auto [at, end] = response.headers.equal_range("www-authenticate");
  for (; at != end; ++at) {
    for (const Challenge& challenge : ParseChallenges(at->second)) {
      std::string found;
      if (challenge.scheme == "bearer") {
        found = Cat("Bearer ", TRY(FetchToken(client, host, challenge, stop)));
      } else if (challenge.scheme == "basic" && !auth_.username.empty() && MayGoTo(host)) {
        found = Cat("Basic ", Base64Encode(Cat(auth_.username, ":", auth_.password)));
      }
      if (found.empty() || found == sent) continue;
      header = found;
      return {};
    }
  }
  return Error(Code::kPermissionDenied, "the registry wants other credentials");
}

}  // namespace cradle::image
