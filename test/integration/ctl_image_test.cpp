// cradlectl image, as people use it: through a daemon, and --offline in a store that no daemon has open.
#include <filesystem>
#include <fstream>
#include <optional>

#include "fake_registry.h"
#include "image/builtin/tar_writer.h"
#include "support/ctl.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

namespace fs = std::filesystem;
constexpr char kOne[] = "ctl.invalid/one:1", kTwo[] = "ctl.invalid/two:1";

class CtlImage : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    registry_.emplace();
  }
  void TearDown() override {
    registry_.reset();
    EXPECT_TRUE(RemoveAllPods());
    const auto listed = Must(IMAGE_CALL(ListImages, v1::ListImagesRequest()));
    for (const auto& image : listed.images())
      if (image.repo_tags_size() == 0 || image.repo_tags(0) != kImage) Remove(image.id());
    for (const auto& made : made_) fs::remove_all(made);
    NodeTest::TearDown();
  }
  static int CountImages() { return Must(IMAGE_CALL(ListImages, v1::ListImagesRequest())).images_size(); }
  static void Remove(const std::string& id) {
    v1::RemoveImageRequest request;
    request.mutable_image()->set_image(id);
    Must(IMAGE_CALL(RemoveImage, request));
  }
  // Removed with the test.
  std::string Path(const std::string& name) { return made_.emplace_back(daemon().dir() + "/" + name); }

  struct Said {
    int code = 0;
    std::string out, err;
  };
  static Said Run(std::vector<std::string> words) {
    Ctl ctl(daemon().socket(), std::move(words));
    int code = ctl.Wait();
    return {code, ctl.shown(), ctl.errors()};
  }
  // What a verb says that succeeds.
  static std::string Out(std::vector<std::string> words) {
    words.insert(words.begin(), "image");
    Said said = Run(std::move(words));
    EXPECT_EQ(said.code, 0) << said.err;
    return said.out;
  }
  static image::LayoutImage Image(const std::string& name, const std::string& file) {
    image::LayoutImage image;
    image.name = name;
    image.layers = {image::TarWriter().Directory("bin").File("bin/all", "all").Take(),
                    image::TarWriter().Directory("bin").File("bin/" + file, file).Take()};
    return image;
  }
  void ImportBoth() {
    for (const auto& [name, file] : {std::pair(kOne, "one"), std::pair(kTwo, "two")}) {
      const std::string layout = Path("layout");
      ASSERT_TRUE(image::WriteLayout(layout, Image(name, file)).ok());
      EXPECT_EQ(Out({"import", layout}), std::string(name) + "\n");
    }
  }
  // Of the file `name` in any layer of the store below `root`.
  static fs::path FileOf(const std::string& root, const std::string& name) {
    for (const auto& layer : fs::directory_iterator(root + "/images/layers"))
      if (fs::path path = layer.path() / "fs" / name; fs::exists(path)) return path;
    throw std::runtime_error("no layer has " + name);
  }

  std::optional<image::FakeRegistry> registry_;
  std::vector<std::string> made_;
};

TEST_F(CtlImage, SeveralTravelInOneArchiveAndAreComparedAndNamed) {
  ASSERT_NO_FATAL_FAILURE(ImportBoth());
  EXPECT_EQ(Out({"diff", kOne, kTwo}), "D bin/one\nA bin/two\n");
  EXPECT_EQ(Out({"tag", kOne, "ctl.invalid/other:2"}), "ctl.invalid/other:2\n");
  const std::string archive = Path("both.tar");
  Said exported = Run({"image", "export", archive, kOne, kTwo});
  EXPECT_EQ(exported.code, 0) << exported.err;
  EXPECT_EQ(Lines(exported.out).size(), 2u) << exported.out;
  EXPECT_EQ(Run({"image", "export", archive, kOne}).code, 1) << "it is there already";

  EXPECT_EQ(Run({"rmi", kOne, kTwo}).code, 0);
  EXPECT_EQ(Out({"import", archive}), "ctl.invalid/one:1\nctl.invalid/other:2\nctl.invalid/two:1\n");
  EXPECT_EQ(Out({"diff", kOne, kTwo}), "D bin/one\nA bin/two\n");
  Said history = Run({"image", "history", kOne});
  EXPECT_EQ(history.code, 0) << history.err;
  EXPECT_EQ(history.out, "CREATED  LAYER  CREATED BY\n") << "its config tells none";
  EXPECT_EQ(Run({"image", "diff", kOne, "ctl.invalid/none"}).code, 1);
}

TEST_F(CtlImage, CheckNamesWhatIsBrokenRepairRemovesItAndPruneTheUnused) {
  ASSERT_NO_FATAL_FAILURE(ImportBoth());
  EXPECT_EQ(Out({"check"}), "");
  fs::remove(FileOf(daemon().root(), "bin/one"));
  Said check = Run({"image", "check"});
  EXPECT_EQ(check.code, 1);
  EXPECT_NE(check.out.find("it has 2 files, not the 3 that were unpacked"), std::string::npos) << check.out;
  EXPECT_NE(check.err.find("not all well"), std::string::npos) << check.err;
  EXPECT_NE(Out({"repair"}), "");
  EXPECT_EQ(Out({"check"}), "");
  EXPECT_EQ(Run({"image", "history", kOne}).code, 1) << "it has gone";

  StartNew(RunPod(PodConfig("pod")), Sleeper("c"));
  Said prune = Run({"image", "prune"});
  EXPECT_EQ(prune.code, 0) << prune.err;
  EXPECT_EQ(prune.out, "ctl.invalid/two:1\n");
  EXPECT_NE(prune.err.find(" freed"), std::string::npos) << prune.err;
  EXPECT_EQ(CountImages(), 1);
}

TEST_F(CtlImage, APullTakesCredentialsAndDrawsBars) {
  registry_->Serve("one", "1", Image("", "one"));
  registry_->SetHook([](const image::FakeRegistry::Request& request) -> std::optional<image::FakeRegistry::Reply> {
    if (request.Header("authorization") == "Basic dXNlcjpwYXNz") return {};  // user:pass
    return image::FakeRegistry::Reply{401, {"WWW-Authenticate: Basic realm=\"test\""}, "", {}};
  });
  const std::string reference = registry_->host() + "/one:1";
  Said wrong = Run({"image", "pull", "--creds", "user:wrong", reference});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_NE(wrong.err.find("the registry refuses the credentials"), std::string::npos) << wrong.err;
  Ctl ctl(daemon().socket(), {"image", "pull", "--creds", "user:pass", reference}, Ctl::Terminal{100, 40});
  EXPECT_TRUE(ctl.Shows("done")) << ctl.shown();
  EXPECT_TRUE(ctl.Shows("sha256:")) << ctl.shown();
  EXPECT_EQ(ctl.Wait(), 0);
  // In a pipe a line per layer.
  Said again = Run({"image", "pull", "--creds", "user:pass", reference});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(Lines(again.err).size(), 2u) << again.err;
}

TEST_F(CtlImage, OfflineTheNodesConfigurationHolds) {
  registry_->Serve("one", "1", Image("", "one"));
  const std::string folder = Path("node"), file = folder + "/config.toml", baked = folder + "/baked";
  for (const auto& [name, text] : {std::pair<std::string, std::string>("certs.d", "server = \"" + registry_->url() + "\"\n"),
                                   std::pair<std::string, std::string>("broken", "server = \n")}) {
    fs::create_directories(folder + "/" + name + "/mirrored.invalid");
    WriteText(folder + "/" + name + "/mirrored.invalid/hosts.toml", text);
  }
  auto pull = [&](const std::string& config, std::vector<std::string> options = {}) {
    WriteText(file, config);
    std::vector<std::string> words = {"image", "--offline", baked, "--config", file};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"pull", "mirrored.invalid/one:1"});
    return Run(std::move(words));
  };
  const std::string mirrors = "[registry]\nconfig_path = \"" + folder + "/certs.d\"\n";
  Said refused = pull(mirrors + "[image]\nmax_layers = 1\n");
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("the limit of 1 entries (image.max_layers)"), std::string::npos) << refused.err;
  refused = pull(mirrors + "[image]\nmax_layers = 0\n");
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("image.max_layers = 0: must be between"), std::string::npos) << refused.err;
  refused = pull(mirrors, {"--registry-config", folder + "/broken"});
  EXPECT_EQ(refused.code, 1) << "the flag wins";
  EXPECT_NE(refused.err.find("hosts.toml"), std::string::npos) << refused.err;
  Said pulled = pull(mirrors + "[image]\nkeep_blobs = true\nadditional_store = \"" + baked + "\"\n");
  EXPECT_EQ(pulled.code, 0) << pulled.err;
  EXPECT_EQ(pulled.err.find("warning"), std::string::npos) << pulled.err;
  EXPECT_TRUE(fs::exists(FileOf(baked, "bin/one").parent_path().parent_path().parent_path() / "blob"));
  Said missing = Run({"image", "--offline", baked, "--config", folder + "/none.toml", "check"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.err.find("none.toml"), std::string::npos) << missing.err;
  EXPECT_EQ(Run({"image", "--config", file, "check"}).code, 2) << "online it is the daemon's";
}

TEST_F(CtlImage, AStoreFilledOfflineServesADaemonThatOnlyReadsIt) {
  const std::string baked = Path("baked");
  auto offline = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--offline", baked});
    return Out(std::move(words));
  };
  registry_->Serve("one", "1", Image("", "one"));
  const std::string pulled = registry_->host() + "/one:1";
  EXPECT_TRUE(offline({"pull", pulled}).starts_with("sha256:"));
  EXPECT_EQ(offline({"import", CRADLE_BUILD_DIR "/images/busybox"}), std::string(kImage) + "\n");
  const std::string program = "ctl.invalid/busybox:baked";
  EXPECT_EQ(offline({"tag", kImage, program}), program + "\n");
  EXPECT_EQ(offline({"check"}), "");

  // A daemon that has a store open keeps it to itself.
  Said taken = Run({"image", "--offline", daemon().root(), "prune"});
  EXPECT_EQ(taken.code, 1) << taken.out;

  const std::string config = ReadText(daemon().dir() + "/config.toml");
  WriteText(daemon().dir() + "/config.toml", config + "[image]\nadditional_store = \"" + baked + "\"\n");
  Remove(kImage);
  Restart();
  EXPECT_EQ(CountImages(), 2);
  auto busybox = Sleeper("c");
  busybox.mutable_image()->set_image(program);
  std::string container = StartNew(RunPod(PodConfig("pod")), busybox);
  EXPECT_EQ(Exec(container, {"echo", "hello"}).stdout(), "hello\n");
  Said refused = Run({"rmi", pulled});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("read-only additional store"), std::string::npos) << refused.err;
  EXPECT_TRUE(fs::exists(FileOf(baked, "bin/one")));
  EXPECT_TRUE(RemoveAllPods());
  WriteText(daemon().dir() + "/config.toml", config);
  KillDaemon();
  StartDaemon();
  EXPECT_EQ(CountImages(), 0);
  EXPECT_EQ(Out({"import", CRADLE_BUILD_DIR "/images/busybox"}), std::string(kImage) + "\n");
}

}  // namespace
}  // namespace cradle::test
