// Images through a whole daemon: progress, a client that goes, the limits of the configuration, and cradlectl.
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "fake_registry.h"
#include "image/builtin/layout_writer.h"
#include "image/builtin/tar_writer.h"
#include "image/documents.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

namespace fs = std::filesystem;
using image::FakeRegistry;
using image::LayoutImage;
using image::TarEntry;
using image::TarWriter;
using Answer = FakeRegistry::Reply;
using Request = FakeRegistry::Request;
using DebugStub = ::cradle::v1::Debug::Stub;
using News = ::cradle::v1::PullImageProgress;

constexpr char kName[] = "pulled.invalid/image:1";
constexpr size_t kHexAt = sizeof("sha256:") - 1, kShownDigits = 12;

// What a test has seen so far; others wait for it, as long as it takes, but not for ever.
class Seen {
 public:
  void Add(const std::string& what) {
    std::lock_guard lock(mutex_);
    seen_.insert(what);
    changed_.notify_all();
  }
  bool WaitFor(const std::string& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return seen_.contains(what); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> seen_;
};

class Pull : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    registry_ = std::make_unique<FakeRegistry>();
  }
  void TearDown() override {
    // Also one that has lost its name to a later pull: its layers would be there for the next test.
    const auto listed = Must(IMAGE_CALL(ListImages, v1::ListImagesRequest()));
    for (const auto& image : listed.images()) {
      if (image.repo_tags_size() > 0 && image.repo_tags(0) == kImage) continue;
      v1::RemoveImageRequest request;
      request.mutable_image()->set_image(image.id());
      Must(IMAGE_CALL(RemoveImage, request));
    }
    registry_.reset();  // its sockets are this process's
    NodeTest::TearDown();
  }

  std::string reference() const { return registry_->host() + "/tool:v1"; }
  std::string images_dir(const std::string& folder) const { return daemon().root() + "/images/" + folder; }
  // Two layers, the second of which needs the first to be unpacked.
  LayoutImage TwoLayers() {
    LayoutImage image;
    image.layers = {TarWriter().File("low", std::string(4 << 20, 'x')).Take(), TarWriter().HardLink("high", "low").Take()};
    registry_->Serve("tool", "v1", image);
    return image;
  }
  static bool IsLayer(const Request& request, const std::string& layer) {
    return request.path.find(image::DigestOf(layer)) != std::string::npos;
  }
  Reply<::cradle::v1::ImportImageResponse> Import(const LayoutImage& image) {
    if (auto written = image::WriteLayout(layout(), image); !written.ok()) throw std::runtime_error(written.error().text());
    return ImportLayout();
  }
  Reply<::cradle::v1::ImportImageResponse> ImportLayout() {
    ::cradle::v1::ImportImageRequest import;
    import.set_path(layout());
    return Call(cri().debug(), &DebugStub::ImportImage, import);
  }
  std::string layout() const { return daemon().dir() + "/layout"; }

  struct Said {
    int code = 0;
    std::string out, errors;
  };
  Said Cradlectl(const std::string& words) {
    std::string out = daemon().dir() + "/ctl.out", errors = daemon().dir() + "/ctl.err";
    int status = std::system(("CRADLE_ADDRESS=unix://" + daemon().socket() + " " CRADLE_BUILD_DIR "/bin/cradlectl " + words +
                              " >" + out + " 2>" + errors).c_str());
    return {WEXITSTATUS(status), ReadText(out), ReadText(errors)};
  }

  std::unique_ptr<FakeRegistry> registry_;
};

TEST_F(Pull, EachLayersProgressComesThroughTheDaemon) {
  LayoutImage image = TwoLayers();
  const std::string low = image::DigestOf(image.layers[0]), high = image::DigestOf(image.layers[1]);
  Seen seen;
  std::atomic<int> asked = 0;
  // The lower layer breaks off in the middle, and goes on when the client knows of both what they are at.
  registry_->SetHook([&](const Request& request) -> std::optional<Answer> {
    if (!IsLayer(request, image.layers[0])) return std::nullopt;
    Answer reply = registry_->Answer(request);
    if (asked++ == 0) {
      reply.cut_after = 2 << 20;
    } else {
      EXPECT_TRUE(seen.WaitFor(low + " downloading"));
      EXPECT_TRUE(seen.WaitFor(high + " unpacking"));
    }
    return reply;
  });
  ::cradle::v1::PullImageRequest request;
  request.set_image(reference());
  grpc::ClientContext context;
  auto reader = cri().debug().PullImage(&context, request);
  std::string id;
  News news, half;
  while (reader->Read(&news)) {
    if (news.layer() == low && news.phase() == "downloading" && news.done() < image.layers[0].size()) half = news;
    if (!news.layer().empty()) seen.Add(news.layer() + " " + news.phase());
    if (!news.image_ref().empty()) id = news.image_ref();
  }
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_GE(half.done(), 1u << 20);
  EXPECT_EQ(half.total(), image.layers[0].size());
  for (const std::string& layer : {low, high}) EXPECT_TRUE(seen.WaitFor(layer + " done"));
  EXPECT_TRUE(id.starts_with("sha256:")) << id;
}

TEST_F(Pull, AClientThatGoesLeavesNothing) {
  LayoutImage image = TwoLayers();
  registry_->SetHook([&](const Request& request) -> std::optional<Answer> {
    if (!IsLayer(request, image.layers[0])) return std::nullopt;
    Answer reply = registry_->Answer(request);
    reply.cut_after = 3 << 20;
    reply.stall = true;
    return reply;
  });
  auto layers = [&] { return std::distance(fs::directory_iterator(images_dir("layers")), fs::directory_iterator()); };
  const auto before = layers();
  ::cradle::v1::PullImageRequest request;
  request.set_image(reference());
  grpc::ClientContext context;
  auto reader = cri().debug().PullImage(&context, request);
  News news;
  while (reader->Read(&news) && news.phase() != "downloading") continue;
  context.TryCancel();
  while (reader->Read(&news)) continue;
  EXPECT_EQ(reader->Finish().error_code(), grpc::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return fs::is_empty(images_dir("tmp")); }));
  EXPECT_EQ(layers(), before);
  registry_->SetHook(nullptr);
  v1::PullImageRequest again;
  again.mutable_image()->set_image(reference());
  Must(IMAGE_CALL(PullImage, again));
}

TEST_F(Pull, CradlectlTellsOfEachLayerAndShowsTheHistory) {
  LayoutImage image = TwoLayers();
  Said pulled = Cradlectl("image pull " + reference());
  EXPECT_EQ(pulled.code, 0) << pulled.errors;
  for (const std::string& layer : image.layers)
    EXPECT_NE(pulled.errors.find(image::DigestOf(layer).substr(kHexAt, kShownDigits) + "  done"), std::string::npos) << pulled.errors;
  Said again = Cradlectl("image pull " + reference());
  for (const std::string& layer : image.layers)
    EXPECT_NE(again.errors.find(image::DigestOf(layer).substr(kHexAt, kShownDigits) + "  exists"), std::string::npos) << again.errors;

  // An image whose config tells how it came to be.
  image::LayoutDocuments documents = image::MakeDocuments(image);
  std::string config = documents.config, manifest = documents.manifest;
  config.insert(config.size() - 1, R"(,"history":[{"created":"2026-01-02T03:04:05Z","created_by":"COPY low /"},)"
                                   R"({"comment":"a note","empty_layer":true},{"created_by":"RUN ln low high"}])");
  auto replace = [&](const std::string& from, const std::string& to) {
    ASSERT_NE(manifest.find(from), std::string::npos) << from;
    manifest.replace(manifest.find(from), from.size(), to);
  };
  replace(image::DigestOf(documents.config), image::DigestOf(config));
  replace("\"size\":" + std::to_string(documents.config.size()), "\"size\":" + std::to_string(config.size()));
  registry_->ServeManifest("tool", "v1", manifest, "application/vnd.oci.image.manifest.v1+json");
  registry_->SetHook([&](const Request& request) -> std::optional<Answer> {
    if (!IsLayer(request, config)) return std::nullopt;
    return Answer{200, {}, config, {}};
  });
  ASSERT_EQ(Cradlectl("image pull " + reference()).code, 0);
  Said history = Cradlectl("image history " + reference());
  EXPECT_EQ(history.code, 0) << history.errors;
  EXPECT_EQ(history.out, "CREATED              LAYER  CREATED BY\n"
                         "                     yes    RUN ln low high\n"
                         "                     -      a note\n"
                         "2026-01-02T03:04:05  yes    COPY low /\n");
  Said missing = Cradlectl("image history nothing.invalid/x:1");
  EXPECT_NE(missing.code, 0);
  EXPECT_NE(missing.errors.find("nothing.invalid/x:1"), std::string::npos) << missing.errors;
}

TEST_F(Pull, TheLimitsOfTheConfigurationHold) {
  const std::string drop_in = daemon().dir() + "/config.toml.d/limits.toml";
  fs::create_directories(fs::path(drop_in).parent_path());
  WriteText(drop_in, "[image]\nmax_config_bytes = 4096\nmax_json_depth = 8\nmax_layer_bytes = 4194304\nmax_layer_entries = 1000\n"
                     "max_layer_extents = 1000\nmax_layer_header_bytes = 65536\nmax_layer_name_bytes = 255\nmax_layers = 5\n"
                     "max_manifest_bytes = 4096\n");
  Restart();
  auto expect = [&](const Reply<::cradle::v1::ImportImageResponse>& reply, const std::string& key) {
    EXPECT_NE(reply.text().find("(image." + key + ")"), std::string::npos) << key << ": " << reply.text();
  };
  LayoutImage image;
  image.name = kName;
  image.env = {"A=" + std::string(5000, 'x')};
  expect(Import(image), "max_config_bytes");
  image.env = {};
  image.layers.assign(40, TarWriter().File("a", "").Take());
  expect(Import(image), "max_manifest_bytes");
  image.layers.resize(6);
  expect(Import(image), "max_layers");
  image.layers = {TarWriter().File("a", std::string(5 << 20, 'x')).Take()};
  expect(Import(image), "max_layer_bytes");
  TarWriter many;
  for (int i = 0; i <= 1000; ++i) many.File(std::to_string(i), "");
  image.layers = {many.Take()};
  expect(Import(image), "max_layer_entries");
  image.layers = {TarWriter().File(std::string(150, 'a') + "/" + std::string(150, 'b'), "").Take()};
  expect(Import(image), "max_layer_name_bytes");
  TarEntry file;
  file.path = "f";
  file.pax["comment"] = std::string(70'000, 'x');
  image.layers = {TarWriter().Add(file).Take()};
  expect(Import(image), "max_layer_header_bytes");
  file.pax = {{"GNU.sparse.size", "2000"}, {"GNU.sparse.map", "0,0"}};
  for (int i = 1; i <= 1000; ++i) file.pax["GNU.sparse.map"] += "," + std::to_string(i) + ",0";
  image.layers = {TarWriter().Add(file).Take()};
  expect(Import(image), "max_layer_extents");
  WriteText(layout() + "/index.json", R"({"manifests":[],"x":)" + std::string(10, '[') + std::string(10, ']') + "}");
  expect(ImportLayout(), "max_json_depth");
  EXPECT_TRUE(fs::is_empty(images_dir("tmp")));
  fs::remove_all(layout());
  fs::remove(drop_in);
  Restart();
}

}  // namespace
}  // namespace cradle::test
