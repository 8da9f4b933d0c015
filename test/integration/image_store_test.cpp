// The store of images as the kubelet sees it: pulled from a registry, measured, removed under running containers, and on a
// disk that is full.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/sys/file.h"
#include "base/tree_size.h"
#include "fake_registry.h"
#include "image/builtin/tar_writer.h"
#include "support/must.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

namespace fs = std::filesystem;

class ImageStore : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    registry_.emplace();
  }
  void TearDown() override {
    registry_.reset();  // nothing of it is the daemon's
    NodeTest::TearDown();
  }
  static std::string Images(const std::string& part = "") { return daemon().root() + "/images" + part; }
  static size_t CountIn(const std::string& folder) {
    return static_cast<size_t>(std::distance(fs::directory_iterator(Images(folder)), fs::directory_iterator()));
  }
  // What the store does behind its answers is over: every layer has its mark.
  static bool IsSettled() {
    return Eventually([] {
      return std::ranges::all_of(fs::directory_iterator(Images("/layers")),
                                 [](const auto& layer) { return fs::exists(layer.path() / "durable"); });
    });
  }
  static TreeSize SizeOf(const std::string& dir) {
    UniqueFd opened = Must(sys::OpenAt(kCwd, dir, O_RDONLY | O_DIRECTORY));
    return Must(MeasureTree(opened));
  }
  static void ImportBusybox() {
    ::cradle::v1::ImportImageRequest import;
    import.set_path(CRADLE_BUILD_DIR "/images/busybox");
    import.set_name(kImage);
    Must(Call(cri().debug(), &::cradle::v1::Debug::Stub::ImportImage, import));
  }

  // Serves an image of these layers; its reference.
  std::string Serve(const std::string& name, std::vector<std::string> layers) {
    image::LayoutImage image;
    image.layers = std::move(layers);
    registry_->Serve(name, "1", image);
    return registry_->host() + "/" + name + ":1";
  }
  static Reply<v1::PullImageResponse> Pull(const std::string& reference) {
    v1::PullImageRequest request;
    request.mutable_image()->set_image(reference);
    return IMAGE_CALL(PullImage, request);
  }
  static grpc::Status Remove(const std::string& reference) {
    v1::RemoveImageRequest request;
    request.mutable_image()->set_image(reference);
    return IMAGE_CALL(RemoveImage, request).status;
  }
  static v1::FilesystemUsage ImageFs() {
    return Must(IMAGE_CALL(ImageFsInfo, v1::ImageFsInfoRequest())).image_filesystems(0);
  }
  static int CountImages() { return Must(IMAGE_CALL(ListImages, v1::ListImagesRequest())).images_size(); }
  // What the container reads of its image.
  std::string Checksum(const std::string& container) { return Exec(container, {"md5sum", "/bin/busybox"}).stdout(); }

  std::optional<image::FakeRegistry> registry_;
};

TEST_F(ImageStore, SizesAreWhatDuSaysAndNothingStandsBesideTheFiles) {
  ASSERT_TRUE(IsSettled());
  const auto before = ImageFs();
  std::vector<std::string> layers;
  for (int layer = 0; layer < 3; ++layer) {
    image::TarWriter tar;
    for (int i = 0; i < 100; ++i) tar.File(std::to_string(layer) + "/" + std::to_string(i), std::string(40'000, 'x'));
    layers.push_back(tar.Take());
  }
  const std::string reference = Serve("sized", layers);
  Must(Pull(reference));
  v1::ImageStatusRequest ask;
  ask.mutable_image()->set_image(reference);
  const auto image = Must(IMAGE_CALL(ImageStatus, ask)).image();

  uint64_t files = 0;
  for (const auto& layer : fs::directory_iterator(Images("/layers"))) files += SizeOf(layer.path() / "fs").bytes;
  ASSERT_TRUE(IsSettled());
  EXPECT_EQ(ImageFs().inodes_used().value(), SizeOf(Images()).inodes);
  const auto disk = static_cast<double>(SizeOf(Images()).bytes);
  const auto used = static_cast<double>(ImageFs().used_bytes().value());
  EXPECT_NEAR(used, disk, 4 * 8192.0);  // a folder's own blocks are the file system's business
  EXPECT_LT(disk, 1.01 * static_cast<double>(files));
  // An image says what its documents hold, the disk gives each a block.
  EXPECT_NEAR(static_cast<double>(image.size()), used - static_cast<double>(before.used_bytes().value()), 4 * 4096.0);

  ASSERT_TRUE(Remove(reference).ok());
  EXPECT_EQ(ImageFs().used_bytes().value(), before.used_bytes().value());
}

TEST_F(ImageStore, AnImageInUseKeepsItsLayersUntilTheLastContainerGoes) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string one = StartNew(pod, Sleeper("one")), two = StartNew(pod, Sleeper("two"));
  const std::string checksum = Checksum(one);
  const std::string id = StatusOf(one).image_id();
  ASSERT_TRUE(Remove(id).ok());
  EXPECT_EQ(CountImages(), 0);
  EXPECT_EQ(TryCreate(pod, Sleeper("three")).code(), grpc::NOT_FOUND);
  EXPECT_EQ(StatusOf(one).image_id(), id);
  RemoveContainer(one);
  EXPECT_EQ(Checksum(two), checksum);
  EXPECT_EQ(CountIn("/layers"), 1u);
  Remember();
  KillDaemon();
  StartDaemon();
  EXPECT_EQ(Checksum(two), checksum);
  RemoveContainer(two);
  EXPECT_EQ(CountIn("/layers"), 0u);
  ImportBusybox();
}

// The same with little room for images: they stand on a file system of their own.
class ImageStoreFull : public ImageStore {
 public:
  static void SetUpTestSuite() {
    NodeTest::SetUpTestSuite();
    daemon().Kill();
    if (::mount("none", Images().c_str(), "tmpfs", 0, "size=12m,nr_inodes=4000") != 0) throw std::runtime_error("no tmpfs");
    StartDaemon();
    ImportBusybox();
    WarmUp();
  }
  static void TearDownTestSuite() {
    daemon().Stop();
    EXPECT_EQ(::umount2(Images().c_str(), 0), 0) << errno;
    NodeTest::TearDownTestSuite();
  }

 protected:
  struct Room {
    uint64_t blocks, inodes;
    bool operator==(const Room&) const = default;
  };
  static Room Free() {
    struct statfs info{};
    EXPECT_EQ(::statfs(Images().c_str(), &info), 0);
    return {info.f_bfree, info.f_ffree};
  }
  // Two layers, of which only the first one finds room.
  std::string ServeTooMuch(const std::string& name) {
    return Serve(name, {image::TarWriter().File("fits", std::string(1 << 20, 'a')).Take(),
                        image::TarWriter().File("too-much", std::string(64 << 20, 'b')).Take()});
  }
  void ExpectRefused(const std::string& reference, const std::string& file) {
    ASSERT_TRUE(IsSettled());
    const Room room = Free();
    const auto used = ImageFs().used_bytes().value();
    const int images = CountImages();
    auto pulled = Pull(reference);
    EXPECT_EQ(pulled.code(), grpc::RESOURCE_EXHAUSTED);
    for (const std::string& part : {reference, file, std::string("No space left on device")})
      EXPECT_NE(pulled.text().find(part), std::string::npos) << pulled.text();
    EXPECT_EQ(Free(), room);
    EXPECT_EQ(ImageFs().used_bytes().value(), used);
    EXPECT_EQ(CountImages(), images);
    EXPECT_EQ(CountIn("/tmp"), 0u);
  }
  static void Fill() {
    std::string path = Images("/filler");
    UniqueFd file = Must(sys::OpenAt(kCwd, path, O_WRONLY | O_CREAT | O_EXCL, 0600));
    const std::string block(4096, 'x');
    while (sys::WriteAll(file, block.data(), block.size()).ok()) continue;
    ASSERT_EQ(Free().blocks, 0u);
  }
};

TEST_F(ImageStoreFull, APullThatFindsNoRoomLeavesNothingAndRunningPodsAlone) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Sleeper("c"));
  const std::string checksum = Checksum(container);
  const pid_t pid = PidOf(container);

  ASSERT_NO_FATAL_FAILURE(ExpectRefused(ServeTooMuch("big"), "too-much"));
  image::TarWriter many;
  for (int i = 0; i < 5000; ++i) many.File("f" + std::to_string(i), "");
  ASSERT_NO_FATAL_FAILURE(ExpectRefused(Serve("many", {many.Take()}), "f3"));  // inodes are room, too
  EXPECT_EQ(PidOf(container), pid);
  EXPECT_EQ(Checksum(container), checksum);
  EXPECT_EQ(StatusOf(container).state(), v1::CONTAINER_RUNNING);
  const std::string small = Serve("small", {image::TarWriter().File("s", std::string(1 << 20, 's')).Take()});
  Must(Pull(small));
  EXPECT_TRUE(Remove(small).ok());
}

TEST_F(ImageStoreFull, WithoutABlockLeftPodsStartAndImagesGo) {
  ASSERT_TRUE(IsSettled());
  const Room empty = Free();
  const std::string spare = Serve("spare", {image::TarWriter().File("s", std::string(1 << 20, 's')).Take()});
  Must(Pull(spare));
  ASSERT_TRUE(IsSettled());
  ASSERT_NO_FATAL_FAILURE(Fill());
  EXPECT_EQ(Pull(Serve("late", {image::TarWriter().File("l", "l").Take()})).code(), grpc::RESOURCE_EXHAUSTED);

  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, Sleeper("c"));
  const std::string checksum = Checksum(container);
  Restart();  // finds no room either
  EXPECT_TRUE(Remove(spare).ok());
  EXPECT_TRUE(Remove(kImage).ok());
  EXPECT_EQ(CountImages(), 0);
  EXPECT_EQ(Checksum(container), checksum);
  RemovePod(pod);
  EXPECT_EQ(CountIn("/layers"), 0u);
  EXPECT_EQ(CountIn("/tmp"), 0u);
  fs::remove(Images("/filler"));
  ImportBusybox();
  ASSERT_TRUE(Eventually([&] { return Free() == empty; }));
}

}  // namespace
}  // namespace cradle::test
