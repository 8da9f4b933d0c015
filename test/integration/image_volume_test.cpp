// Images mounted as volumes.
#include <filesystem>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class ImageVolume : public NodeTest {
 protected:
  static v1::ContainerConfig Config(const std::string& sub_path = "") {
    v1::ContainerConfig config = Sleeper("c");
    v1::Mount* mount = config.add_mounts();
    mount->set_container_path("/img");
    mount->mutable_image()->set_image(kImage);
    mount->set_image_sub_path(sub_path);
    mount->set_readonly(true);
    return config;
  }
  std::string Out(const std::string& container, const std::string& script) {
    auto answer = Exec(container, {"sh", "-c", script});
    return answer.stdout() + answer.stderr();
  }
  void Import() {
    ::cradle::v1::ImportImageRequest import;
    import.set_path(CRADLE_BUILD_DIR "/images/busybox");
    import.set_name(kImage);
    Must(Call(cri().debug(), &::cradle::v1::Debug::Stub::ImportImage, import));
  }
  bool HasLayers() { return !std::filesystem::is_empty(daemon().root() + "/images/layers"); }
};

TEST_F(ImageVolume, IsReadOnlyAndItsProgramsRun) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Config());
  EXPECT_EQ(Out(container, "/img/bin/echo hello; touch /img/x"), "hello\ntouch: /img/x: Read-only file system\n");
  const auto status = StatusOf(container);
  ASSERT_EQ(status.mounts_size(), 1);
  EXPECT_EQ(status.mounts(0).image().image(), kImage);
  EXPECT_EQ(status.mounts(0).image().image_ref(), status.image_id());
}

TEST_F(ImageVolume, APartOfItIsMounted) {
  std::string pod = RunPod(PodConfig("pod"));
  std::string container = StartNew(pod, Config("etc"));
  EXPECT_EQ(Out(container, "head -n 1 /img/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  EXPECT_EQ(StatusOf(container).mounts(0).image_sub_path(), "etc");
  auto missing = Config("no/such");
  missing.mutable_metadata()->set_name("missing");
  auto reply = TryCreate(pod, missing);
  EXPECT_EQ(reply.code(), grpc::INVALID_ARGUMENT);
  EXPECT_NE(reply.text().find("ImageVolumeMountFailed: mount at \"/img\": image_sub_path \"no/such\" doesn't exist"),
            std::string::npos) << reply.text();
}

TEST_F(ImageVolume, AnImageThatIsNotHereIsNamed) {
  auto config = Config();
  config.mutable_mounts(0)->mutable_image()->set_image("example.com/none:1");
  auto reply = TryCreate(RunPod(PodConfig("pod")), config);
  EXPECT_EQ(reply.code(), grpc::NOT_FOUND);
  EXPECT_NE(reply.text().find("example.com/none:1"), std::string::npos) << reply.text();
}

TEST_F(ImageVolume, OutlivesItsImageAndTheDaemon) {
  std::string container = StartNew(RunPod(PodConfig("pod")), Config("etc"));
  v1::RemoveImageRequest remove;
  remove.mutable_image()->set_image(kImage);
  Must(IMAGE_CALL(RemoveImage, remove));
  EXPECT_EQ(Out(container, "head -n 1 /img/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  Remember();
  daemon().Kill();
  StartDaemon();
  EXPECT_EQ(Out(container, "head -n 1 /img/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  EXPECT_TRUE(HasLayers());
  RemoveContainer(container);
  EXPECT_TRUE(Eventually([&] { return !HasLayers(); }));
  Import();
}

}  // namespace
}  // namespace cradle::test
