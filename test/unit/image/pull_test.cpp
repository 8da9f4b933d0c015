#include <atomic>
#include <latch>
#include <map>
#include <mutex>
#include <thread>

#include "image/documents.h"
#include "pull_fixture.h"

namespace cradle::image {
namespace {

using Reply = FakeRegistry::Reply;
using Request = FakeRegistry::Request;
TEST_F(PullTest, ATaggedPullHasTheTagAndTheIndexsDigest) {
  std::string digest = registry_.Serve("a/tool", "v1", OneLayer("hello"));
  auto image = Pull(registry_.host() + "/a/tool:v1");
  ASSERT_OK(image);
  EXPECT_EQ((*image)->repo_tags, Strings{registry_.host() + "/a/tool:v1"});
  EXPECT_EQ((*image)->repo_digests, Strings{registry_.host() + "/a/tool@" + digest});
  EXPECT_EQ(Slurp((*image)->layer_dirs.at(0) + "/etc/motd"), "hello");
  EXPECT_TRUE(Entries(StoreDir("tmp")).empty());
}

TEST_F(PullTest, ByDigestThereIsNoTagAndWithoutATagItIsLatest) {
  std::string digest = registry_.Serve("tool", "latest", OneLayer("hello"));
  std::string by_digest = registry_.host() + "/tool@" + digest;
  auto image = Pull(by_digest);
  ASSERT_OK(image);
  EXPECT_EQ((*image)->repo_tags, Strings{});
  EXPECT_EQ((*image)->repo_digests, Strings{by_digest});
  auto tagged = Pull(registry_.host() + "/tool");
  ASSERT_OK(tagged);
  EXPECT_EQ((*tagged)->id, (*image)->id);
  EXPECT_EQ((*tagged)->repo_tags, Strings{registry_.host() + "/tool:latest"});
  EXPECT_EQ(store_->List().size(), 1u);
}

TEST_F(PullTest, OneImageFromTwoRegistriesIsOneWithBothNames) {
  FakeRegistry other;
  registry_.Serve("pause", "3", OneLayer("x"));
  other.Serve("pause", "3", OneLayer("x"));
  ASSERT_TRUE(Pull(registry_.host() + "/pause:3").ok());
  auto image = Pull(other.host() + "/pause:3");
  ASSERT_OK(image);
  EXPECT_EQ((*image)->repo_tags.size(), 2u);
  EXPECT_EQ(other.Count("/blobs/"), 0u) << "config and layer are here";
  ASSERT_TRUE(store_->Remove(registry_.host() + "/pause:3").ok());
  ExpectEmptyStore();
}

TEST_F(PullTest, MirrorsAreAskedInTheOrderOfTheFile) {
  FakeRegistry z, a;
  z.SetHook([](const Request&) { return Reply{503, {}, "", {}}; });
  a.Serve("tool", "v1", OneLayer("mirrored"));
  WriteHosts("registry.invalid", "server = \"http://127.0.0.1:1\"\n[host.\"" + z.url() +
                                     "\"]\ncapabilities = [\"pull\", \"resolve\"]\n[host.\"" + a.url() +
                                     "\"]\n[host.\"" + a.url() + "\".header]\nX-Team = \"blue\"\n");
  auto image = Pull("registry.invalid/tool:v1");
  ASSERT_OK(image);
  EXPECT_EQ((*image)->repo_tags, Strings{"registry.invalid/tool:v1"});
  EXPECT_GE(z.requests().size(), 1u);
  ASSERT_GE(a.requests().size(), 1u);
  EXPECT_EQ(a.requests()[0].query, "ns=registry.invalid");
  EXPECT_EQ(a.requests()[0].Header("x-team"), "blue");
}

TEST_F(PullTest, AMirrorThatMayNotResolveIsNotAskedForATag) {
  FakeRegistry mirror;
  std::string digest = registry_.Serve("tool", "v1", OneLayer("true"));
  mirror.Serve("tool", "v1", OneLayer("false"));
  WriteHosts("_default", "server = \"" + registry_.url() + "\"\n[host.\"" + mirror.url() +
                             "\"]\ncapabilities = [\"pull\"]\n");
  auto image = Pull("registry.invalid/tool:v1");
  ASSERT_OK(image);
  EXPECT_EQ((*image)->repo_digests, Strings{"registry.invalid/tool@" + digest});
  EXPECT_EQ(mirror.Count("/manifests/v1"), 0u);
  EXPECT_GT(mirror.requests().size(), 0u) << "it was asked for what has a digest";
}

TEST_F(PullTest, ABearerTokenIsFetchedOnceAndUsed) {
  registry_.Serve("a/tool", "v1", OneLayer("secret"));
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (request.path == "/token") {
      EXPECT_EQ(request.Header("authorization"), "Basic dXNlcjpwYXNz");
      EXPECT_EQ(request.query, "service=the%20registry&scope=repository%3Aa%2Ftool%3Apull");
      return Reply{200, {}, R"({"access_token":"T1"})", {}};
    }
    if (request.Header("authorization") == "Bearer T1") return std::nullopt;
    return Reply{401, {"WWW-Authenticate: Bearer realm=\"" + registry_.url() +
                       "/token\",service=\"the registry\",scope=\"repository:a/tool:pull\""}, "", {}};
  });
  Auth auth;
  auth.auth = "dXNlcjpwYXNz";
  auto image = Pull(registry_.host() + "/a/tool:v1", auth);
  ASSERT_OK(image);
  EXPECT_EQ(registry_.Count("/token"), 1u);
}

TEST_F(PullTest, WrongCredentialsAreAnErrorThatSaysSo) {
  registry_.SetHook([&](const Request&) { return Reply{401, {"WWW-Authenticate: Basic realm=\"x\""}, "", {}}; });
  Auth auth;
  auth.username = "user";
  auth.password = "wrong";
  auto image = Pull(registry_.host() + "/tool:v1", auth);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code(), Code::kPermissionDenied) << image.error().text();
  EXPECT_EQ(image.error().text().find("wrong"), std::string::npos);
}

TEST_F(PullTest, CredentialsDoNotFollowARedirectToAnotherServer) {
  FakeRegistry storage;
  registry_.Serve("tool", "v1", OneLayer("x"));
  storage.SetHook([&](const Request& request) -> std::optional<Reply> {
    Request moved = request;
    moved.path = "/v2/tool" + request.path;
    return registry_.Answer(moved);
  });
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (request.Header("authorization") != "Bearer R") return Reply{401, {}, "", {}};
    size_t blob = request.path.find("/blobs/");
    if (blob == std::string::npos) return std::nullopt;
    return Reply{307, {"Location: " + storage.url() + request.path.substr(blob) + "?sig=1"}, "", {}};
  });
  Auth auth;
  auth.registry_token = "R";
  auto image = Pull(registry_.host() + "/tool:v1", auth);
  ASSERT_OK(image);
  ASSERT_EQ(storage.requests().size(), 2u);
  for (const Request& request : storage.requests()) EXPECT_EQ(request.Header("authorization"), "");
}

TEST_F(PullTest, CredentialsOfAnotherServerAreNotSent) {
  registry_.SetHook([&](const Request&) { return Reply{401, {"WWW-Authenticate: Basic realm=\"x\""}, "", {}}; });
  Auth auth;
  auth.username = "user";
  auth.password = "pass";
  auth.registry_token = "R";
  auth.server_address = "https://elsewhere.example/v1/";
  EXPECT_FALSE(Pull(registry_.host() + "/tool:v1", auth).ok());
  for (const Request& request : registry_.requests()) EXPECT_EQ(request.Header("authorization"), "");
}

TEST_F(PullTest, ABrokenBodyGoesOnWhereItBroke) {
  LayoutImage image = OneLayer(Noise(300'000));
  registry_.Serve("tool", "v1", image);
  std::atomic<int> cuts = 0;
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (request.path.find(DigestOf(image.layers[0])) == std::string::npos || cuts++ > 1) return std::nullopt;
    Reply reply = registry_.Answer(request);
    reply.cut_after = 100'000;
    return reply;
  });
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
  Strings ranges;
  for (const Request& request : registry_.requests())
    if (request.path.find(DigestOf(image.layers[0])) != std::string::npos) ranges.push_back(request.Header("range"));
  EXPECT_EQ(ranges, (Strings{"", "bytes=100000-", "bytes=200000-"}));
}

TEST_F(PullTest, ABrokenConnectionIsNoReasonToTryAnotherProtocol) {
  LayoutImage image = OneLayer(Noise(300'000));
  registry_.Serve("tool", "v1", image);
  std::map<std::string, int> asked;
  std::mutex mutex;
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    std::lock_guard lock(mutex);
    if (asked[request.path]++ > 0) return std::nullopt;
    Reply reply = registry_.Answer(request);
    bool blob = request.path.find("/blobs/") != std::string::npos;
    reply.cut_after = blob ? 0 : reply.body.size() / 2;
    return reply;
  });
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
  for (const auto& [path, times] : asked) EXPECT_EQ(times, 2) << path;
}

TEST_F(PullTest, ABusyRegistryIsAskedAgain) {
  registry_.Serve("tool", "v1", OneLayer("x"));
  std::atomic<int> busy = 2;
  registry_.SetHook([&](const Request&) -> std::optional<Reply> {
    if (busy-- > 0) return Reply{busy ? 429 : 503, {"Retry-After: 0"}, "", {}};
    return std::nullopt;
  });
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
}

TEST_F(PullTest, WhatIsNotThereIsNotFound) {
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_FALSE(pulled.ok());
  EXPECT_EQ(pulled.error().code(), Code::kNotFound);
  EXPECT_NE(pulled.error().text().find("no such thing"), std::string::npos) << pulled.error().text();
  ExpectEmptyStore();
}

TEST_F(PullTest, AStoppedPullLeavesNothing) {
  LayoutImage image = OneLayer(Noise(2'000'000));
  image.layers.push_back(TarWriter().File("b", Noise(1'000'000)).Take());
  registry_.Serve("tool", "v1", image);
  std::latch half(1);
  auto never = std::make_shared<std::latch>(1);  // nobody waits for whom it lets go
  std::stop_source stop;
  registry_.SetHook([&, never](const Request& request) -> std::optional<Reply> {
    if (request.path.find(DigestOf(image.layers[1])) == std::string::npos) return std::nullopt;
    half.count_down();
    never->wait();
    return std::nullopt;
  });
  std::thread stopper([&] {
    half.wait();
    stop.request_stop();
  });
  auto pulled = Pull(registry_.host() + "/tool:v1", {}, stop.get_token());
  stopper.join();
  never->count_down();
  ASSERT_FALSE(pulled.ok());
  EXPECT_EQ(pulled.error().code(), Code::kCancelled) << pulled.error().text();
  ExpectEmptyStore();
  EXPECT_EQ(store_->Usage().inodes, 7u);  // its own folders

  registry_.SetHook(nullptr);
  EXPECT_EQ(Pull(registry_.host() + "/tool:v1", {}, stop.get_token()).error().code(), Code::kCancelled);
  ExpectEmptyStore();
  auto again = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(again);
}

TEST_F(PullTest, CorruptBytesAreRefusedAndLeaveNothing) {
  LayoutImage image = OneLayer(std::string(8 << 20, 'x'));
  registry_.Serve("tool", "v1", image);
  size_t at = 0;
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (request.path.find(DigestOf(image.layers[0])) == std::string::npos) return std::nullopt;
    Reply reply = registry_.Answer(request);
    reply.body[at] ^= 1;
    return reply;
  });
  for (size_t damaged : {size_t{1024}, size_t{0}}) {  // in a file; in its header, so that no more of the archive makes sense
    at = damaged;
    auto pulled = Pull(registry_.host() + "/tool:v1");
    ASSERT_FALSE(pulled.ok());
    EXPECT_NE(pulled.error().text().find("its digest is"), std::string::npos) << pulled.error().text();
    ExpectEmptyStore();
  }
}

TEST_F(PullTest, ADiffIdThatDoesNotFitIsRefused) {
  LayoutImage image = OneLayer("x");
  image.diff_ids = {DigestOf("something else")};
  registry_.Serve("tool", "v1", image);
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_FALSE(pulled.ok());
  EXPECT_NE(pulled.error().text().find("diff id"), std::string::npos) << pulled.error().text();
  ExpectEmptyStore();
}

TEST_F(PullTest, ABlobLargerThanStatedIsRefused) {
  LayoutImage image = OneLayer("x");
  registry_.Serve("tool", "v1", image);
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (request.path.find(DigestOf(image.layers[0])) == std::string::npos) return std::nullopt;
    Reply reply = registry_.Answer(request);
    reply.body += std::string(1000, '\0');
    return reply;
  });
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_FALSE(pulled.ok());
  EXPECT_NE(pulled.error().text().find("more than the stated"), std::string::npos) << pulled.error().text();
  ExpectEmptyStore();
}

TEST_F(PullTest, TwoPullsOfOneLayerShareTheWork) {
  LayoutImage image = OneLayer(Noise(500'000));
  registry_.Serve("one", "v1", image);
  image.cmd = {"another"};
  registry_.Serve("two", "v1", image);
  std::string layer = DigestOf(image.layers[0]);
  // The layer is held back until both pulls have read their configs.
  std::latch configs(2);
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (request.path.find(layer) != std::string::npos) configs.wait();
    else if (request.path.find("/blobs/") != std::string::npos) configs.count_down();
    return std::nullopt;
  });
  std::thread other([&] { EXPECT_TRUE(Pull(registry_.host() + "/one:v1").ok()); });
  auto pulled = Pull(registry_.host() + "/two:v1");
  other.join();
  ASSERT_OK(pulled);
  EXPECT_EQ(registry_.Count(layer), 1u);
  EXPECT_EQ(store_->List().size(), 2u);
  EXPECT_EQ(Entries(StoreDir("layers")).size(), 1u);
}

TEST_F(PullTest, AFailedPartnerDoesNotFailTheOther) {
  LayoutImage image = OneLayer(Noise(500'000));
  registry_.Serve("one", "v1", image);
  image.cmd = {"another"};
  registry_.Serve("two", "v1", image);
  std::string layer = DigestOf(image.layers[0]);
  std::stop_source stop;
  std::latch first_asks(1), second_reads(1);
  registry_.SetHook([&, stop](const Request& request) -> std::optional<Reply> {  // nobody waits for who stops the first
    if (request.path.find("/one/blobs/" + layer) != std::string::npos) {
      first_asks.count_down();
      second_reads.wait();
      stop.request_stop();
    } else if (request.path.find("/two/blobs/") != std::string::npos &&
               request.path.find(layer) == std::string::npos) {
      second_reads.count_down();
    }
    return std::nullopt;
  });
  std::thread cancelled([&] {
    EXPECT_EQ(Pull(registry_.host() + "/one:v1", {}, stop.get_token()).error().code(), Code::kCancelled);
  });
  first_asks.wait();
  auto pulled = Pull(registry_.host() + "/two:v1");
  cancelled.join();
  ASSERT_OK(pulled);
  EXPECT_EQ(store_->List().size(), 1u);
}

TEST_F(PullTest, MissingParentsAreTakenFromTheLayersBelow) {
  LayoutImage image;
  TarEntry var;
  var.path = "var/lib";
  var.type = '5';
  var.mode = 01750;
  var.uid = 12;
  var.gid = 34;
  image.layers = {TarWriter().Directory("var").Add(var).Symlink("lib", "var/lib").File("var/lib/a", "low", 04711).Take(),
                  TarWriter().File("lib/b", "through the link").HardLink("var/lib/c", "var/lib/a").Take()};
  registry_.Serve("tool", "v1", image);
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
  std::string top = (*pulled)->layer_dirs.at(0);
  EXPECT_EQ(Slurp(top + "/var/lib/b"), "through the link");
  EXPECT_FALSE(sys::Exists(kCwd, top + "/lib"));
  auto info = sys::FstatAt(kCwd, top + "/var/lib", AT_SYMLINK_NOFOLLOW);
  ASSERT_OK(info);
  EXPECT_EQ(info->st_mode & 07777, 01750u);
  EXPECT_EQ(info->st_uid, 12u);
  EXPECT_EQ(info->st_gid, 34u);
  auto copied = sys::FstatAt(kCwd, top + "/var/lib/c", AT_SYMLINK_NOFOLLOW);
  ASSERT_OK(copied);
  EXPECT_EQ(copied->st_mode & 07777, 04711u);
  EXPECT_EQ(Slurp(top + "/var/lib/c"), "low");
}

TEST_F(PullTest, ManyLayersArriveInTheirOrder) {
  LayoutImage image;
  for (int i = 0; i < 120; ++i) image.layers.push_back(TarWriter().File("n" + std::to_string(i), "x").Take());
  registry_.Serve("tool", "v1", image);
  std::atomic<int> done = 0;
  auto pulled = store_->Pull(registry_.host() + "/tool:v1", {}, {},
                             [&](const Progress& progress) { done += progress.phase == "done"; });
  ASSERT_OK(pulled);
  EXPECT_EQ(done, 120);
  ASSERT_EQ((*pulled)->layer_dirs.size(), 120u);
  for (int i = 0; i < 120; ++i)
    EXPECT_TRUE(sys::Exists(kCwd, (*pulled)->layer_dirs[119 - i] + "/n" + std::to_string(i)));
}

TEST_F(PullTest, OneConnectionCarriesAllRequests) {
  registry_.Serve("tool", "v1", OneLayer("x"));
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
  EXPECT_EQ(registry_.requests().size(), 4u);
  EXPECT_EQ(registry_.connections(), 1u);
}

TEST_F(PullTest, WhatIsHereIsNotFetchedAgainUnlessItIsDamaged) {
  LayoutImage image = OneLayer("x");
  registry_.Serve("tool", "v1", image);
  auto first = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(first);
  EXPECT_EQ(registry_.requests().size(), 4u);
  ASSERT_OK(Pull(registry_.host() + "/tool:v1"));
  EXPECT_EQ(registry_.requests().size(), 5u) << "what the tag stands for now";
  Write("images/content/sha256/" + (*first)->id.substr(7), MakeDocuments(image).config + " ");
  ASSERT_OK(Pull(registry_.host() + "/tool:v1"));
  EXPECT_EQ(registry_.Count((*first)->id), 2u);
  EXPECT_EQ(store_->Check(Repair::kNo).problems, Strings());
}

TEST_F(PullTest, WithALimitOfOneALayerIsAskedForWhenTheOneBeforeItIsDone) {
  for (auto limit : {&StoreConfig::max_parallel_of_registry, &StoreConfig::max_parallel_in_all,
                      &StoreConfig::max_parallel_layers}) {
    adjust_ = [limit](StoreConfig& config) { config.*limit = 1; };
    Reopen();
    LayoutImage image;
    for (int i = 0; i < 4; ++i) image.layers.push_back(TarWriter().File("n" + std::to_string(i), Noise(100'000)).Take());
    registry_.Serve("tool", "v1", image);
    std::atomic<int> done = 0, asked = 0, early = 0;
    registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
      for (const std::string& layer : image.layers)
        if (request.path.ends_with(DigestOf(layer)) && asked++ != done) ++early;
      return {};
    });
    auto pulled = store_->Pull(registry_.host() + "/tool:v1", {}, {}, [&](const Progress& progress) { done += progress.phase == "done"; });
    ASSERT_OK(pulled);
    EXPECT_EQ(asked, 4);
    EXPECT_EQ(early, 0);
    ASSERT_TRUE(store_->Remove(registry_.host() + "/tool:v1").ok());
  }
}

TEST_F(PullTest, DocumentsThatAreNotThoseAskedForAreRefused) {
  registry_.Serve("tool", "v1", OneLayer("x"));
  for (const char* what : {"/manifests/sha256:", "/blobs/"}) {
    registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
      if (request.path.find(what) == std::string::npos) return {};
      Reply reply = registry_.Answer(request);
      reply.body += " ";
      return reply;
    });
    ExpectRefused(Pull(registry_.host() + "/tool:v1"), "sends a document with the digest");
    ExpectEmptyStore();
  }
}

TEST_F(PullTest, ABlobSmallerThanStatedIsRefused) {
  LayoutImage image = OneLayer("x");
  registry_.Serve("tool", "v1", image);
  registry_.SetHook([&](const Request& request) -> std::optional<Reply> {
    if (!request.path.ends_with(DigestOf(image.layers[0]))) return {};
    return Reply{200, {}, image.layers[0].substr(0, 600), {}};
  });
  ExpectRefused(Pull(registry_.host() + "/tool:v1"), "sends only 600 of ");
  ExpectEmptyStore();
}

TEST_F(PullTest, AnOversizedManifestIsRefused) {
  registry_.ServeManifest("tool", "v1", "{\"x\":\"" + std::string(5 << 20, 'x') + "\"}", "application/json");
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_FALSE(pulled.ok());
  EXPECT_NE(pulled.error().text().find("limit of 4194304 bytes (image.max_manifest_bytes)"), std::string::npos)
      << pulled.error().text();
}

TEST_F(PullTest, AnOversizedConfigIsRefusedStatedOrNot) {
  LayoutImage image = OneLayer("x");
  image.env = {std::string(9 << 20, 'x')};
  registry_.Serve("tool", "v1", image);
  ExpectRefused(Pull(registry_.host() + "/tool:v1"), ", the limit is 8388608 (image.max_config_bytes)");
  std::string config = DigestOf(MakeDocuments(image).config);
  EXPECT_EQ(registry_.Count(config), 0u) << "its size was known before";
  registry_.ServeManifest("tool", "v2", R"({"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
                          config + R"("},"layers":[]})", "application/vnd.oci.image.manifest.v1+json");
  ExpectRefused(Pull(registry_.host() + "/tool:v2"), "larger than the limit of 8388608 bytes (image.max_config_bytes)");
  ExpectEmptyStore();
  adjust_ = [](StoreConfig& store) { store.document_limits.config.bytes = 16 << 20; };
  Reopen();
  auto pulled = Pull(registry_.host() + "/tool:v1");
  ASSERT_OK(pulled);
}

TEST_F(PullTest, WhatIsHereStaysWhenTheLimitsAreLowered) {
  LayoutImage image = OneLayer("x");
  image.layers.push_back(TarWriter().File("b", "b").Take());
  registry_.Serve("tool", "v1", image);
  ASSERT_TRUE(Pull(registry_.host() + "/tool:v1").ok());
  adjust_ = [](StoreConfig& config) {
    config.document_limits = {{100, "image.max_manifest_bytes"}, {100, "image.max_config_bytes"}, 2, 1};
  };
  Reopen();
  EXPECT_EQ(store_->List().size(), 1u);
  EXPECT_EQ(store_->Check(Repair::kNo).problems, Strings());
  ExpectRefused(Pull(registry_.host() + "/tool:v1"), "image.max_manifest_bytes");
}

TEST_F(PullTest, ADocumentOfAnotherSizeThanStatedIsRefused) {
  LayoutDocuments documents = MakeDocuments(OneLayer("x"));
  registry_.Serve("tool", "v1", OneLayer("x"));
  std::string size = Cat("\"size\":", std::to_string(documents.config.size()));
  ASSERT_NE(documents.manifest.find(size), std::string::npos);
  std::string lying = documents.manifest;
  lying.replace(lying.find(size), size.size(), "\"size\":7");
  registry_.ServeManifest("tool", "v2", lying, "application/vnd.oci.image.manifest.v1+json");
  ExpectRefused(Pull(registry_.host() + "/tool:v2"), "not the stated 7");
  ExpectEmptyStore();
}

TEST_F(PullTest, ARedirectToAFileIsRefused) {
  registry_.SetHook([&](const Request&) { return Reply{307, {"Location: file:///etc/passwd"}, "", {}}; });
  EXPECT_FALSE(Pull(registry_.host() + "/tool:v1").ok());
  ExpectEmptyStore();
}

}  // namespace
}  // namespace cradle::image
