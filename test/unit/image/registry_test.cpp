// What real registries do to a client: TLS, credentials from files and helpers, token servers, proxies, broken answers.
#include <ctime>
#include <map>

#include "image/documents.h"
#include "image/proxy.h"
#include "pull_fixture.h"

namespace cradle::image {
namespace {

using Reply = FakeRegistry::Reply;
using Request = FakeRegistry::Request;

// The environment as it was, when the test is over.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = getenv(name)) old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~ScopedVariable() {
    if (old_) setenv(name_, old_->c_str(), 1);
    else unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

class TlsTest : public PullTest {
 protected:
  // The folder of a server's settings, with the authority's certificate in it.
  void WriteTlsHosts(const FakeRegistry& server, const std::string& more, const std::string& ca) {
    Write("certs.d/registry.invalid/ca.pem", ca);
    WriteHosts("registry.invalid", "server = \"" + server.url() + "\"\nca = \"ca.pem\"\n" + more);
  }
  TestAuthority authority_, other_;
  FakeRegistry server_{FakeRegistry::Tls{authority_.Issue("127.0.0.1"), ""}};
};

TEST_F(TlsTest, AnAuthorityOfTheHostsFileIsTrustedAndReadAtEachPull) {
  server_.Serve("tool", "v1", OneLayer("x"));
  WriteTlsHosts(server_, "", other_.certificate());
  auto refused = Pull("registry.invalid/tool:v1");
  ExpectRefused(refused, "certificate");
  EXPECT_EQ(server_.requests().size(), 0u);
  WriteTlsHosts(server_, "", authority_.certificate());
  auto pulled = Pull("registry.invalid/tool:v1");
  ASSERT_OK(pulled);
}

TEST_F(TlsTest, AnErrorSaysWhoseCertificateIsWrongAndWhy) {
  FakeRegistry elsewhere(FakeRegistry::Tls{authority_.Issue("elsewhere.invalid"), ""});
  WriteTlsHosts(elsewhere, "", authority_.certificate());
  ExpectRefused(Pull("registry.invalid/tool:v1"), "the certificate of " + elsewhere.host() + " is not accepted: ");
  ExpectRefused(Pull("registry.invalid/tool:v1"), "name");
  WriteTlsHosts(server_, "", other_.certificate());
  ExpectRefused(Pull("registry.invalid/tool:v1"), "the certificate of " + server_.host() + " is not accepted: ");
  Pem one = other_.Issue("node"), two = other_.Issue("node");
  Write("certs.d/registry.invalid/node.cert", one.certificate);
  Write("certs.d/registry.invalid/node.key", two.key);
  WriteTlsHosts(server_, "client = [[\"node.cert\", \"node.key\"]]\n", authority_.certificate());
  ExpectRefused(Pull("registry.invalid/tool:v1"), "this node's certificate " + dir_.path() + "/certs.d/registry.invalid/node.cert can't be used: ");
}

TEST_F(TlsTest, WithSkipVerifyAnyCertificateWillDo) {
  server_.Serve("tool", "v1", OneLayer("x"));
  WriteTlsHosts(server_, "skip_verify = true\n", other_.certificate());
  auto pulled = Pull("registry.invalid/tool:v1");
  ASSERT_OK(pulled);
}

TEST_F(TlsTest, AServerThatWantsACertificateGetsOurs) {
  FakeRegistry strict(FakeRegistry::Tls{authority_.Issue("127.0.0.1"), other_.certificate()});
  strict.Serve("tool", "v1", OneLayer("x"));
  WriteTlsHosts(strict, "", authority_.certificate());
  ExpectRefused(Pull("registry.invalid/tool:v1"), "wants a certificate of this node");
  Pem client = other_.Issue("node");
  Write("certs.d/registry.invalid/node.cert", client.certificate);
  Write("certs.d/registry.invalid/node.key", client.key);
  WriteTlsHosts(strict, "client = [[\"node.cert\", \"node.key\"]]\n", authority_.certificate());
  auto pulled = Pull("registry.invalid/tool:v1");
  ASSERT_OK(pulled);
}

TEST_F(TlsTest, OfSeveralCertificatesTheServersIsTaken) {
  FakeRegistry strict(FakeRegistry::Tls{authority_.Issue("127.0.0.1"), other_.certificate()});
  strict.Serve("tool", "v1", OneLayer("x"));
  for (const auto& [name, authority] : {std::pair("alien", &authority_), std::pair("node", &other_)}) {
    Pem identity = authority->Issue(name);
    Write(Cat("certs.d/registry.invalid/", name, ".cert"), identity.certificate);
    Write(Cat("certs.d/registry.invalid/", name, ".key"), identity.key);
  }
  WriteTlsHosts(strict, "client = [[\"alien.cert\", \"alien.key\"], [\"node.cert\", \"node.key\"]]\n", authority_.certificate());
  auto pulled = Pull("registry.invalid/tool:v1");
  ASSERT_OK(pulled);
  WriteTlsHosts(strict, "client = [[\"alien.cert\", \"alien.key\"]]\n", authority_.certificate());
  ExpectRefused(Pull("registry.invalid/tool:v1"), "refuses this node's certificate");
}

TEST_F(TlsTest, ARedirectToSomethingLessSafeIsRefused) {
  registry_.Serve("tool", "v1", OneLayer("x"));
  server_.SetHook([&](const Request& request) { return Reply{307, {"Location: " + registry_.url() + request.path}, "", {}}; });
  WriteTlsHosts(server_, "", authority_.certificate());
  ExpectRefused(Pull("registry.invalid/tool:v1"), "less safe");
  EXPECT_EQ(registry_.requests().size(), 0u);
}

TEST_F(TlsTest, ATokenServerLessSafeThanTheRegistryGetsNothing) {
  server_.SetHook([&](const Request&) {
    return Reply{401, {"WWW-Authenticate: Bearer realm=\"" + registry_.url() + "/token\""}, "", {}};
  });
  WriteTlsHosts(server_, "", authority_.certificate());
  Auth auth;
  auth.username = "user";
  auth.password = "pass";
  ExpectRefused(Pull("registry.invalid/tool:v1", auth), "not safe");
  EXPECT_EQ(registry_.requests().size(), 0u);
}

TEST_F(TlsTest, ATokenServerElsewhereIsTrustedLikeTheRegistryAndGetsNoneOfItsHeaders) {
  FakeRegistry tokens(FakeRegistry::Tls{authority_.Issue("127.0.0.1"), ""});
  tokens.SetHook([](const Request&) { return Reply{200, {}, R"({"token":"T"})", {}}; });
  server_.Serve("tool", "v1", OneLayer("x"));
  server_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (request.Header("authorization") == "Bearer T" && request.Header("x-key") == "secret") return {};
    return Reply{401, {"WWW-Authenticate: Bearer realm=\"" + tokens.url() + "/token\""}, "", {}};
  });
  WriteTlsHosts(server_, "[header]\nX-Key = \"secret\"\n", authority_.certificate());
  auto pulled = Pull("registry.invalid/tool:v1");
  ASSERT_OK(pulled);
  ASSERT_EQ(tokens.requests().size(), 1u);
  EXPECT_EQ(tokens.requests()[0].Header("x-key"), "");
}

TEST_F(TlsTest, WithSettingsOfTlsAnHttpUrlIsTriedWithHttpsFirst) {
  server_.Serve("tool", "v1", OneLayer("x"));
  WriteHosts("registry.invalid", "server = \"http://" + server_.host() + "\"\nskip_verify = true\n");
  auto pulled = Pull("registry.invalid/tool:v1");
  ASSERT_OK(pulled);
  registry_.Serve("other", "v1", OneLayer("y"));
  WriteHosts("registry.invalid", "server = \"" + registry_.url() + "\"\nskip_verify = true\n");
  pulled = Pull("registry.invalid/other:v1");
  ASSERT_OK(pulled);
}

TEST_F(TlsTest, ATunnelOfAProxyCarriesTls) {
  FakeRegistry proxy(FakeRegistry::Tls{authority_.Issue("registry.invalid"), ""});
  proxy.Serve("tool", "v1", OneLayer("x"));
  Write("certs.d/registry.invalid/ca.crt", authority_.certificate());
  ScopedVariable variable("HTTPS_PROXY", "http://" + proxy.host());
  auto pulled = Pull("registry.invalid/tool:v1");
  ASSERT_OK(pulled);
  EXPECT_EQ(proxy.requests().at(0).method, "CONNECT");
  EXPECT_EQ(proxy.requests().at(0).path, "registry.invalid:443");
}

TEST_F(PullTest, AProxyOfTheEnvironmentIsUsedButNotForItsExceptions) {
  registry_.Serve("tool", "v1", OneLayer("x"));
  WriteHosts("registry.invalid", "server = \"http://registry.invalid:5000\"\n");
  ScopedVariable proxy("HTTP_PROXY", registry_.url());
  auto pulled = Pull("registry.invalid/tool:v1");
  ASSERT_OK(pulled);
  size_t asked = registry_.requests().size();
  EXPECT_GE(asked, 3u);
  ScopedVariable none("NO_PROXY", "elsewhere,invalid");
  std::stop_source stop;
  EXPECT_FALSE(Pull("registry.invalid/tool:v1").ok());
  EXPECT_EQ(registry_.requests().size(), asked);
}

TEST(Proxies, ExceptionsAreThoseOfGo) {
  const std::pair<const char*, const char*> kDirect[] = {
      {"", "https://localhost:5000/v2"}, {"", "http://127.0.0.9/x"},     {"", "https://[::1]:5000"},
      {"*", "https://a.example"},        {"example", "https://a.example"}, {".example", "https://a.Example:8443/"},
      {"a.example:8443", "https://a.example:8443"}, {"10.0.0.0/8, fd00::/8", "http://10.1.2.3:80"},
      {"10.0.0.0/8, fd00::/8", "https://[fd00::1]"}, {"192.0.2.1", "http://192.0.2.1:5000"}, {"*.example", "http://x.example"}};
  const std::pair<const char*, const char*> kProxied[] = {
      {"", "https://a.example"},    {".example", "https://example"},        {"a.example:80", "https://a.example"},
      {"10.0.0.0/8", "http://11.1.2.3"}, {"10.0.0.0/8", "http://ten.example"}, {"ample", "http://a.example"},
      {"10.0.0.0/99", "http://10.1.2.3"}, {"/,,:", "http://b"}};
  for (const auto& [except, url] : kDirect) EXPECT_EQ(ProxyFor(url, {"p", "p", except}), "") << except << " " << url;
  for (const auto& [except, url] : kProxied) EXPECT_EQ(ProxyFor(url, {"p", "p", except}), "p") << except << " " << url;
  EXPECT_EQ(ProxyFor("http://a", {"", "p", ""}), "");
}

class CredentialTest : public PullTest {
 protected:
  void SetUp() override {
    PullTest::SetUp();
    registry_.Serve("team/tool", "v1", OneLayer("x"));
    // "dXNlcjpwYXNz" is user:pass.
    registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
      if (request.Header("authorization") == "Basic dXNlcjpwYXNz") return std::nullopt;
      return Reply{401, {"WWW-Authenticate: Basic realm=\"x\""}, "", {}};
    });
  }
  void WriteHelper(const std::string& script) {
    Write("bin/docker-credential-test", "#!/bin/sh\n" + script);
    std::filesystem::permissions(dir_.path() + "/bin/docker-credential-test", std::filesystem::perms::owner_all);
  }
  Result<std::shared_ptr<const Image>> PullTool(const Auth& auth = {}) { return Pull(registry_.host() + "/team/tool:v1", auth); }
};

TEST_F(CredentialTest, ConfigJsonIsReadWhenARegistryAsks) {
  ExpectRefused(PullTool(), "there are none");
  for (const std::string& address : {registry_.host(), registry_.host() + "/team", "http://" + registry_.host() + "/v1/"}) {
    Write("config.json", "{\"auths\":{\"other.example\":{\"auth\":\"eDp5\"},\"" + address + "\":{\"auth\":\"dXNlcjpwYXNz\"}}}");
    auto pulled = PullTool();
    ASSERT_OK(pulled);
  }
  Write("config.json", "{\"auths\":{\"" + registry_.host() + "\":{\"username\":\"user\",\"password\":\"pass\"}}}");
  EXPECT_TRUE(PullTool().ok());
  Write("config.json", "{\"auths\":{\"" + registry_.host() + "/other\":{\"auth\":\"dXNlcjpwYXNz\"}}}");
  EXPECT_FALSE(PullTool().ok());
}

TEST_F(CredentialTest, TheRequestsCredentialsComeFirst) {
  Write("config.json", "{\"auths\":{\"" + registry_.host() + "\":{\"auth\":\"dXNlcjpwYXNz\"}}}");
  Auth wrong;
  wrong.username = "user";
  wrong.password = "other";
  ExpectRefused(PullTool(wrong), "refuses the credentials");
}

TEST_F(CredentialTest, AMirrorGetsItsOwnCredentialsOnly) {
  FakeRegistry mirror;
  mirror.SetHook([](const Request&) { return Reply{401, {"WWW-Authenticate: Basic realm=\"x\""}, "", {}}; });
  WriteHosts("_default", "server = \"" + registry_.url() + "\"\n[host.\"" + mirror.url() + "\"]\n");
  Write("config.json", "{\"auths\":{\"" + registry_.host() + "\":{\"auth\":\"dXNlcjpwYXNz\"}}}");
  auto pulled = Pull("registry.invalid/team/tool:v1");
  ASSERT_OK(pulled);
  for (const Request& request : mirror.requests()) EXPECT_EQ(request.Header("authorization"), "");
  EXPECT_GE(mirror.requests().size(), 1u);
}

TEST_F(CredentialTest, HelpersAreAsked) {
  ScopedVariable path("PATH", dir_.path() + "/bin:/usr/bin:/bin");
  WriteHelper("read host; echo \"$1 $host\" > " + dir_.path() + "/asked; echo '{\"Username\":\"user\",\"Secret\":\"pass\"}'");
  Write("config.json", "{\"credHelpers\":{\"" + registry_.host() + "\":\"test\"}}");
  auto pulled = PullTool();
  ASSERT_OK(pulled);
  EXPECT_EQ(Slurp(dir_.path() + "/asked"), "get " + registry_.host() + "\n");
  Write("config.json", "{\"auths\":{\"" + registry_.host() + "\":{}},\"credsStore\":\"test\"}");
  EXPECT_TRUE(PullTool().ok());
}

TEST_F(CredentialTest, HelpersThatFailAreNamedAndTellNoSecrets) {
  ScopedVariable path("PATH", dir_.path() + "/bin:/usr/bin:/bin");
  Write("config.json", "{\"credsStore\":\"test\"}");
  ExpectRefused(PullTool(), "docker-credential-test is in no folder of PATH");
  WriteHelper("echo 'credentials not found in native keychain'; exit 1");
  ExpectRefused(PullTool(), "there are none");
  WriteHelper("echo secret; exit 3");
  auto failed = PullTool();
  ExpectRefused(failed, "docker-credential-test fails");
  EXPECT_EQ(failed.error().text().find("secret"), std::string::npos);
  WriteHelper("echo secret");
  ExpectRefused(PullTool(), "malformed JSON");
  WriteHelper("head -c 2000000 /dev/zero");
  ExpectRefused(PullTool(), "more than a megabyte");
  Write("config.json", "{\"credsStore\":\"../sh\"}");
  ExpectRefused(PullTool(), "is no name");
  Write("config.json", "{");
  ExpectRefused(PullTool(), "config.json: malformed JSON");
}

class TokenTest : public PullTest {
 protected:
  void SetUp() override {
    PullTest::SetUp();
    registry_.Serve("tool", "v1", OneLayer("x"));
    registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
      if (request.path == "/token") return GiveToken(request);
      if (request.Header("authorization") == "Bearer T" + std::to_string(valid_)) return std::nullopt;
      return Reply{401, {"WWW-Authenticate: Bearer realm=\"" + registry_.url() + "/token\",service=\"s\""}, "", {}};
    });
  }
  Reply GiveToken(const Request& request) {
    if (request.method == "POST" && refuse_post_) return {405, {}, "", {}};
    if (request.method == "POST") form_ = request.body;
    return {200, {}, R"({"token":"T)" + std::to_string(valid_) + "\"}", {}};
  }
  std::atomic<int> valid_ = 1;
  std::atomic<bool> refuse_post_ = false;
  std::string form_;
};

TEST_F(TokenTest, AnIdentityTokenIsExchanged) {
  Auth auth;
  auth.identity_token = "I&D";
  auto pulled = Pull(registry_.host() + "/tool:v1", auth);
  ASSERT_OK(pulled);
  EXPECT_EQ(form_, "grant_type=refresh_token&client_id=cradle&service=s&scope=repository%3Atool%3Apull&refresh_token=I%26D");
}

TEST_F(TokenTest, AHelpersIdentityTokenToo) {
  ScopedVariable path("PATH", dir_.path() + "/bin:/usr/bin:/bin");
  Write("bin/docker-credential-test", "#!/bin/sh\necho '{\"Username\":\"<token>\",\"Secret\":\"ID\"}'");
  std::filesystem::permissions(dir_.path() + "/bin/docker-credential-test", std::filesystem::perms::owner_all);
  Write("config.json", "{\"credsStore\":\"test\"}");
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
  EXPECT_TRUE(form_.ends_with("refresh_token=ID")) << form_;
}

TEST_F(TokenTest, WhereOnlyGetIsKnownThePasswordGoesByGet) {
  refuse_post_ = true;
  Auth auth;
  auth.identity_token = "ID";
  ExpectRefused(Pull(registry_.host() + "/tool:v1", auth), "token server answers 405");
  auth.username = "user";
  auth.password = "pass";
  auto pulled = Pull(registry_.host() + "/tool:v1", auth);
  ASSERT_OK(pulled);
  EXPECT_EQ(form_, "");
}

TEST_F(TokenTest, ATokenThatEndsInTheMiddleIsFetchedAnew) {
  registry_.SetHook([this, hook = [&](const Request& request) -> std::optional<Reply> {
    if (request.path == "/token") return GiveToken(request);
    if (request.path.find("/blobs/") != std::string::npos && valid_ == 1) valid_ = 2;
    if (request.Header("authorization") == "Bearer T" + std::to_string(valid_)) return std::nullopt;
    return Reply{401, {"WWW-Authenticate: Bearer realm=\"" + registry_.url() + "/token\""}, "", {}};
  }](const Request& request) { return hook(request); });
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
  EXPECT_EQ(registry_.Count("/token"), 2u);
}

TEST_F(TokenTest, ABusyTokenServerIsAskedAgain) {
  std::atomic<int> busy = 2;
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (request.path == "/token") return busy-- > 0 ? Reply{busy == 1 ? 429 : 503, {}, "", {}} : GiveToken(request);
    if (request.Header("authorization") == "Bearer T1") return std::nullopt;
    return Reply{401, {"WWW-Authenticate: Bearer realm=\"" + registry_.url() + "/token\""}, "", {}};
  });
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
  EXPECT_EQ(registry_.Count("/token"), 3u);
}

TEST_F(TokenTest, ARegistryTokenThatIsRefusedIsNotSentAgain) {
  Auth auth;
  auth.registry_token = "T0";
  auto pulled = Pull(registry_.host() + "/tool:v1", auth);
  ASSERT_OK(pulled);  // by an anonymous token
  size_t sent = 0;
  for (const Request& request : registry_.requests()) sent += request.Header("authorization") == "Bearer T0";
  EXPECT_EQ(sent, 1u);
}

TEST_F(PullTest, RetryAfterMayBeADate) {
  registry_.Serve("tool", "v1", OneLayer("x"));
  std::atomic<int> busy = 1;
  registry_.SetHook([&](const Request&) -> std::optional<Reply> {
    if (busy-- <= 0) return std::nullopt;
    char date[64];
    std::time_t now = std::time(nullptr) + 1;
    std::tm utc;
    gmtime_r(&now, &utc);
    std::strftime(date, sizeof date, "Retry-After: %a, %d %b %Y %H:%M:%S GMT", &utc);
    return Reply{429, {date}, "", {}};
  });
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
}

class BrokenBodyTest : public PullTest {
 protected:
  void SetUp() override {
    adjust_ = [](StoreConfig& config) { config.stall_timeout = std::chrono::seconds(5); };
    PullTest::SetUp();
    image_ = OneLayer(Noise(300'000));
    registry_.Serve("tool", "v1", image_);
  }
  bool IsLayer(const Request& request) { return request.path.find(DigestOf(image_.layers[0])) != std::string::npos; }
  Strings Ranges() {
    Strings out;
    for (const Request& request : registry_.requests())
      if (IsLayer(request)) out.push_back(request.Header("range"));
    return out;
  }
  LayoutImage image_;
};

TEST_F(BrokenBodyTest, AStalledDownloadIsGivenUpAndGoesOn) {
  std::atomic<int> stalls = 1;
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (!IsLayer(request) || stalls-- <= 0) return std::nullopt;
    Reply reply = registry_.Answer(request);
    reply.cut_after = 100'000;
    reply.stall = true;
    return reply;
  });
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
  EXPECT_EQ(Ranges().at(0), "");
  EXPECT_EQ(Ranges().at(1), "bytes=100000-");
}

TEST_F(BrokenBodyTest, WhoeverKnowsNoRangesSendsAllOfItAgain) {
  for (int status : {200, 416}) {
    std::atomic<int> cuts = 1;
    registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
      if (!IsLayer(request)) return std::nullopt;
      if (status == 416 && !request.Header("range").empty()) return Reply{416, {}, "", {}};
      Request whole = request;
      whole.headers.erase("range");
      Reply reply = registry_.Answer(whole);
      if (cuts-- > 0) reply.cut_after = 100'000;
      return reply;
    });
    auto pulled = Pull(registry_.host() + "/tool:v1");
    ASSERT_OK(pulled);
    ASSERT_TRUE(store_->Remove(registry_.host() + "/tool:v1").ok());
    ExpectEmptyStore();
  }
}

TEST_F(BrokenBodyTest, ARangeThatWasNotAskedForIsRefused) {
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (!IsLayer(request)) return std::nullopt;
    Reply reply = registry_.Answer(request);
    if (request.Header("range").empty()) reply.cut_after = 100'000;
    else reply.headers = {"Content-Range: bytes 5-299999/300000"};
    return reply;
  });
  ExpectRefused(Pull(registry_.host() + "/tool:v1"), "another range");
  ExpectEmptyStore();
}

TEST_F(PullTest, WarningsAreToldOnce) {
  registry_.Serve("tool", "v1", OneLayer("x"));
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    Reply reply = registry_.Answer(request);
    reply.headers.push_back("Warning: 299 - \"this \\\"tool\\\" is old\"");
    reply.headers.push_back("Warning: 199 - \"not for people\"");
    return reply;
  });
  Strings told;
  auto pulled = store_->Pull(registry_.host() + "/tool:v1", {}, {}, [&](const Progress& news) {
    if (!news.warning.empty()) told.push_back(news.warning);
  });
  ASSERT_OK(pulled);
  EXPECT_EQ(told, Strings{"this \"tool\" is old"});
}

TEST_F(PullTest, AddressesInAManifestAreIgnored) {
  FakeRegistry elsewhere;
  LayoutImage image = OneLayer("x");
  registry_.Serve("tool", "v1", image);
  std::string manifest = MakeDocuments(image).manifest;
  manifest.insert(manifest.rfind("\"size\""), "\"urls\":[\"" + elsewhere.url() + "/layer\"],");
  registry_.ServeManifest("tool", "v2", manifest, "application/vnd.oci.image.manifest.v1+json");
  auto pulled = Pull(registry_.host() + "/tool:v2");
  ASSERT_OK(pulled);
  EXPECT_EQ(elsewhere.requests().size(), 0u);
}

TEST_F(PullTest, AnImageWithoutLayersHasAnEmptyOne) {
  LayoutImage image;
  image.cmd = {"none"};
  registry_.Serve("scratch", "v1", image);
  auto pulled = Pull(registry_.host() + "/scratch:v1");
  ASSERT_OK(pulled);
  ASSERT_EQ((*pulled)->layer_dirs.size(), 1u);
  EXPECT_EQ(Entries((*pulled)->layer_dirs[0]), Strings());
  Reopen();
  ASSERT_EQ(store_->List().size(), 1u);
  ASSERT_TRUE(store_->Remove(registry_.host() + "/scratch:v1").ok());
  ExpectEmptyStore();
}

}  // namespace
}  // namespace cradle::image
