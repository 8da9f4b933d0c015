// The pure parts: references, hosts.toml, challenges, documents.
#include "fixture.h"
#include "image/auth.h"
#include "image/documents.h"
#include "image/hosts.h"
#include "image/reference.h"

namespace cradle::image {
namespace {

const std::string kHex(64, 'a');
const std::string kDigest = "sha256:" + kHex;

TEST(Reference, EveryFormBecomesItsFullOne) {
  const std::pair<std::string, std::string> kCases[] = {
      {"busybox", "docker.io/library/busybox:latest"},
      {"busybox:1.29-2", "docker.io/library/busybox:1.29-2"},
      {"docker.io/busybox", "docker.io/library/busybox:latest"},
      {"index.docker.io/a/b", "docker.io/a/b:latest"},
      {"a/b", "docker.io/a/b:latest"},
      {"localhost/a", "localhost/a:latest"},
      {"localhost:5000/a:v1", "localhost:5000/a:v1"},
      {"[::1]:5000/a", "[::1]:5000/a:latest"},
      {"registry.k8s.io/e2e-test-images/busybox:1", "registry.k8s.io/e2e-test-images/busybox:1"},
      {"quay.io/x__y/z.w--v", "quay.io/x__y/z.w--v:latest"},
      {"a@" + kDigest, "docker.io/library/a@" + kDigest},
      {"q.io/a:v1@" + kDigest, "q.io/a@" + kDigest},
      {"Host/a", "Host/a:latest"},
  };
  for (const auto& [text, full] : kCases) {
    auto reference = ParseReference(text);
    ASSERT_TRUE(reference.ok()) << text << ": " << reference.error().text();
    EXPECT_EQ(reference->str(), full);
  }
}

TEST(Reference, MalformedOnesAreRefused) {
  for (const std::string& text :
       {std::string(), kHex, std::string("UPPER"), std::string("a:"), std::string("a:b:c"), std::string("a//b"),
        std::string("/a"), std::string("a/"), std::string("a..b"), std::string("a___b"), std::string("-a"),
        std::string("a@sha256:12"), "a@sha512:" + kHex, std::string("a b"), std::string("q.io:x/a"),
        "a:" + std::string(129, 't'), std::string(256, 'a'), std::string("../a"), std::string("a\n"),
        std::string("a:-b")})
    EXPECT_FALSE(ParseReference(text).ok()) << text;
  EXPECT_EQ(IdDigits("abc12"), "");
  EXPECT_EQ(IdDigits("abc123"), "abc123");
  EXPECT_EQ(IdDigits("sha256:abc123"), "abc123");
  EXPECT_EQ(IdDigits("busybox"), "");
}

TEST(Hosts, TheOrderOfTheFileIsKept) {
  auto hosts = ParseHosts(R"(server = "https://up.example"
capabilities = ["pull"]
[host."https://z.example"]
  capabilities = ["pull", "Resolve"]
  skip_verify = true
[host."http://m.example:5000/prefix"]
  ca = ["a.pem", "/abs/b.pem"]
  client = [["c.cert", "c.key"]]
  dial_timeout = "500ms"
[host."http://m.example:5000/prefix".header]
  X-A = ["1", "2"]
[host."a.example/api"]
  override_path = true
  capabilities = ["push"]
)", "/dir", "reg.example");
  ASSERT_TRUE(hosts.ok()) << hosts.error().text();
  ASSERT_EQ(hosts->size(), 5u);
  const auto& [z, safe, m, a, up] = std::tie((*hosts)[0], (*hosts)[1], (*hosts)[2], (*hosts)[3], (*hosts)[4]);
  EXPECT_EQ(z.Origin() + z.path, "https://z.example/v2");
  EXPECT_TRUE(z.pull && z.resolve && z.skip_verify);
  EXPECT_EQ(safe.Origin() + safe.path, "https://m.example:5000/prefix/v2") << "it has settings of TLS";
  EXPECT_EQ(safe.ca, m.ca);
  EXPECT_FALSE(safe.fallback);
  EXPECT_EQ(m.Origin() + m.path, "http://m.example:5000/prefix/v2");
  EXPECT_TRUE(m.fallback);
  EXPECT_EQ(m.ca, (std::vector<std::string>{"/dir/a.pem", "/abs/b.pem"}));
  EXPECT_EQ(m.client.at(0), std::make_pair(std::string("/dir/c.cert"), std::string("/dir/c.key")));
  EXPECT_EQ(m.headers.size(), 2u);
  EXPECT_EQ(m.dial_timeout, milliseconds(500));
  EXPECT_EQ(a.Origin() + a.path, "https://a.example/api");
  EXPECT_FALSE(a.pull || a.resolve);
  EXPECT_EQ(up.Origin() + up.path, "https://up.example/v2");
  EXPECT_TRUE(up.pull);
  EXPECT_FALSE(up.resolve);
}

TEST(Hosts, WithoutAServerCapabilitiesAreNobodys) {
  auto hosts = ParseHosts("capabilities = [\"push\"]\nskip_verify = true", "/d", "r.example");
  ASSERT_TRUE(hosts.ok());
  ASSERT_EQ(hosts->size(), 1u);
  EXPECT_TRUE(hosts->at(0).pull && hosts->at(0).resolve && hosts->at(0).skip_verify);
}

TEST(Hosts, MistakesAreNamed) {
  const std::pair<const char*, const char*> kCases[] = {
      {"server = ", "line 1"},
      {"capabilities = [\"fly\"]", "fly"},
      {"skip_verify = \"yes\"", "skip_verify"},
      {"ca = 3", "ca"},
      {"[host.\"https://a\"]\nclient = [[\"x\"]]", "client"},
      {"[host.\"https://a\".header]\nX = \"a\\r\\nb\"", "header"},
      {"[host.\"ftp://a\"]", "ftp"},
      {"dial_timeout = \"soon\"", "dial_timeout"},
  };
  for (const auto& [text, why] : kCases) {
    auto hosts = ParseHosts(text, "/d", "r");
    ASSERT_FALSE(hosts.ok()) << text;
    EXPECT_NE(hosts.error().text().find(why), std::string::npos) << hosts.error().text();
  }
}

TEST(Hosts, TheFolderIsTheFirstThatIsThere) {
  TempDir dir;
  auto write = [&](const std::string& folder) {
    std::filesystem::create_directories(dir.path() + "/" + folder);
    std::ofstream(dir.path() + "/" + folder + "/hosts.toml") << "server = \"https://" << folder.substr(0, 1) << "\"\n";
  };
  auto server = [&] { return HostsFor(dir.path(), "r.io:5000")->at(0).host; };
  EXPECT_EQ(server(), "r.io:5000");
  write("_default");
  EXPECT_EQ(server(), "_");
  std::filesystem::rename(dir.path() + "/_default", dir.path() + "/x");
  std::filesystem::create_directories(dir.path() + "/r.io:5000");
  std::ofstream(dir.path() + "/r.io:5000/ca.crt") << "x";
  EXPECT_EQ(HostsFor(dir.path(), "r.io:5000")->at(0).ca.size(), 1u);
  write("r.io_5000_");
  EXPECT_EQ(server(), "r");
  EXPECT_EQ(HostsFor(dir.path(), "docker.io")->at(0).Origin(), "https://registry-1.docker.io");
  EXPECT_EQ(HostsFor(dir.path(), "localhost:5001")->at(0).Origin(), "http://localhost:5001");
  EXPECT_EQ(HostsFor(dir.path(), "localhost")->at(0).Origin(), "https://localhost");
  EXPECT_TRUE(HostsFor(dir.path(), "localhost")->at(0).skip_verify);
  EXPECT_EQ(HostsFor(dir.path(), "10.0.0.1:5001")->at(0).Origin(), "https://10.0.0.1:5001");
}

TEST(Challenges, SeveralAndQuotedOnesAreRead) {
  auto found = ParseChallenges(R"(Basic realm="a, b", Bearer realm="https://t/x?y=z",service=s,scope="repository:a/b:pull,push" , error="q\"x")");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].scheme, "basic");
  EXPECT_EQ(found[0].params["realm"], "a, b");
  EXPECT_EQ(found[1].scheme, "bearer");
  EXPECT_EQ(found[1].params["scope"], "repository:a/b:pull,push");
  EXPECT_EQ(found[1].params["error"], "q\"x");
  for (const char* odd : {"", "\"", "= =", "Bearer realm=\"", ",,,", "a=b"}) (void)ParseChallenges(odd);
}

TEST(Challenges, Base64IsRead) {
  for (const std::string& text : {std::string(), std::string("a"), std::string("ab"), std::string("user:pass\xff")})
    EXPECT_EQ(*Base64Decode(Base64Encode(text)), text);
  EXPECT_EQ(Base64Encode("user:pass"), "dXNlcjpwYXNz");
  EXPECT_FALSE(Base64Decode("%%").ok());
}

std::string ManifestText(const std::string& extra, const std::string& config_type) {
  return R"({"schemaVersion":2,)" + extra + R"("config":{"mediaType":")" + config_type + R"(","digest":")" + kDigest +
         R"(","size":2},"layers":[]})";
}

TEST(Documents, WhatIsNoImageIsRefused) {
  const std::string kConfig = "application/vnd.oci.image.config.v1+json";
  EXPECT_TRUE(ParseDocument(ManifestText("", kConfig), "").ok());
  EXPECT_TRUE(ParseDocument(ManifestText("", kConfig), "application/vnd.oci.image.manifest.v1+json; charset=utf-8").ok());
  const std::pair<std::string, std::string> kCases[] = {
      {R"({"schemaVersion":1,"fsLayers":[]})", "schema 1"},
      {ManifestText(R"("manifests":[],)", kConfig), "could be"},
      {ManifestText(R"("mediaType":"application/vnd.oci.image.index.v1+json",)", kConfig), "is not the"},
      {ManifestText("", "application/vnd.cncf.helm.config.v1+json"), "artifact"},
      {ManifestText(R"("layers":[],)", kConfig), "says \"layers\" twice"},
      {R"({"manifests":[{"digest":"x","digest":"y"}]})", "says \"digest\" twice"},
      {"{}", "neither"},
      {"[]", "neither"},
      {"", "malformed"},
      {std::string(100, '[') + std::string(100, ']'), "limit of 64"},
      {R"({"manifests":[{"digest":"sha256:1"}]})", "digest"},
      {R"({"manifests":3})", "no list"},
  };
  for (const auto& [text, why] : kCases) {
    auto document = ParseDocument(text, "");
    ASSERT_FALSE(document.ok()) << text;
    EXPECT_NE(document.error().text().find(why), std::string::npos) << document.error().text();
  }
  EXPECT_FALSE(ParseDocument(ManifestText("", kConfig), "application/vnd.oci.image.index.v1+json").ok());
}

// Go's decoders take one for the other, so the document would mean two things.
TEST(Documents, AKeyInAnotherCaseIsRefused) {
  const std::string kConfig = "application/vnd.oci.image.config.v1+json";
  const std::pair<std::string, std::string> kDocuments[] = {
      {ManifestText(R"("Layers":[],)", kConfig), R"("Layers", which some take for "layers")"},
      {ManifestText("\"layer\u017f\":[],", kConfig), R"(which some take for "layers")"},
      {ManifestText(R"("mediatype":"x",)", kConfig), R"("mediatype", which some take for "mediaType")"},
      {ManifestText(R"("FSLayers":[],)", kConfig), "fsLayers"},
      {Cat(R"({"manifests":[{"digest":")", kDigest, R"(","Digest":""}]})"), R"("Digest", which some take for "digest")"},
      {Cat(R"({"manifests":[{"digest":")", kDigest, R"(","platform":{"OS":"linux"}}]})"), R"("OS", which some take for "os")"},
  };
  for (const auto& [text, why] : kDocuments) {
    auto document = ParseDocument(text, "");
    ASSERT_FALSE(document.ok()) << text;
    EXPECT_NE(document.error().text().find(why), std::string::npos) << document.error().text();
  }
  const std::pair<std::string, std::string> kConfigs[] = {
      {R"({"Rootfs":{}})", R"("Rootfs", which some take for "rootfs")"},
      {R"({"rootfs":{"diff_ids":[],"DIFF_IDS":[]}})", R"("DIFF_IDS", which some take for "diff_ids")"},
      {R"({"config":{"User":"1","user":"0"}})", R"("user", which some take for "User")"},
      {"{\"config\":{\"wor\u212aingDir\":\"/\"}}", R"(which some take for "WorkingDir")"},
  };
  for (const auto& [text, why] : kConfigs) {
    auto config = ParseConfig(text, HostPlatform());
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_NE(config.error().text().find(why), std::string::npos) << config.error().text();
  }
  EXPECT_FALSE(ParseDockerArchive(R"([{"Config":"a","config":"b","Layers":[]}])").ok());
  // Names that people choose are their own.
  auto labels = ParseConfig(R"({"config":{"Labels":{"user":"a","User":"b"},"Volumes":{"/a":{},"/A":{}}}})", HostPlatform());
  ASSERT_TRUE(labels.ok()) << labels.error().text();
  EXPECT_EQ(labels->config.labels.size(), 2u);
  EXPECT_EQ(labels->config.volumes.size(), 2u);
  EXPECT_TRUE(ParseDocument(ManifestText(R"("annotations":{"layers":"a","Layers":"b"},)", kConfig), "").ok());
}

TEST(Documents, MoreLayersThanTheLimitAreRefused) {
  auto config = [](int layers) {
    std::string diff_ids;
    for (int i = 0; i < layers; ++i) diff_ids += Cat(i > 0 ? ",\"" : "\"", kDigest, "\"");
    return ParseConfig(Cat(R"({"rootfs":{"diff_ids":[)", diff_ids, "]}}"), HostPlatform());
  };
  EXPECT_TRUE(config(500).ok());
  ASSERT_FALSE(config(501).ok());
  EXPECT_NE(config(501).error().text().find("limit of 500"), std::string::npos) << config(501).error().text();
}

TEST(Documents, TheLimitsAreTheConfigurations) {
  DocumentLimits limits;
  limits.max_json_depth = 3;
  limits.max_layers = 1;
  std::string deep = R"({"config":{"Labels":{"a":{"b":1}}}})";
  for (const Error& error : {ParseConfig(deep, HostPlatform(), limits).error(), ParseDocument(deep, "", limits).error(),
                             ParseDockerArchive(deep, limits).error()})
    EXPECT_EQ(error.text(), "JSON nested deeper than the limit of 3 (image.max_json_depth)");
  std::string two = Cat("\"", kDigest, "\",\"", kDigest, "\"");
  EXPECT_EQ(ParseConfig(Cat(R"({"rootfs":{"diff_ids":[)", two, "]}}"), HostPlatform(), limits).error().text(),
            "more than the limit of 1 layers (image.max_layers)");
  std::string layer = Cat(R"({"digest":")", kDigest, R"("})");
  auto manifest = ParseDocument(Cat(R"({"config":)", Cat(R"({"mediaType":"application/vnd.oci.image.config.v1+json","digest":")", kDigest, R"("})"),
                                    R"(,"layers":[)", layer, ",", layer, "]}"), "", limits);
  ASSERT_FALSE(manifest.ok());
  EXPECT_EQ(manifest.error().text(), "\"layers\" has more than the limit of 1 entries (image.max_layers)");
}

TEST(Documents, TheBestPlatformIsChosen) {
  auto entry = [](const char* os, const char* architecture, const char* variant) {
    Descriptor out;
    out.os = os;
    out.architecture = architecture;
    out.variant = variant;
    return out;
  };
  Index index{{entry("unknown", "unknown", ""), entry("linux", "arm64", "v8"), entry("linux", "amd64", ""),
               entry("linux", "amd64", "v2"), entry("linux", "amd64", "v4"), entry("windows", "amd64", "")}};
  EXPECT_EQ(SelectPlatform(index, {"linux", "amd64", 3})->variant, "v2");
  EXPECT_EQ(SelectPlatform(index, {"linux", "amd64", 1})->variant, "");
  EXPECT_EQ(SelectPlatform(index, {"linux", "arm64", 1})->variant, "v8");
  EXPECT_EQ(SelectPlatform(index, {"linux", "riscv64", 1}).error().code(), Code::kNotFound);
}

TEST(Documents, UsersAreNumbersOrNames) {
  auto parse = [](const std::string& user) {
    return ParseConfig(R"({"config":{"User":")" + user + R"("},"rootfs":{"diff_ids":[]}})", HostPlatform());
  };
  EXPECT_EQ(parse("1002")->uid, 1002);
  EXPECT_EQ(parse("1003:1004")->uid, 1003);
  EXPECT_EQ(parse("www-data:1004")->username, "www-data");
  EXPECT_FALSE(parse("www-data")->uid.has_value());
  EXPECT_FALSE(parse("")->uid.has_value());
  EXPECT_EQ(parse("4294967294")->uid, 4294967294);
  for (const char* user : {"4294967295", "4294967296", "99999999999999999999999"}) EXPECT_FALSE(parse(user).ok()) << user;
  EXPECT_FALSE(ParseConfig(R"({"os":"windows"})", HostPlatform()).ok());
}

}  // namespace
}  // namespace cradle::image
