// Images that are made to get at the node: what their configs and files say stays theirs.
#include <filesystem>
#include <fstream>

#include "image/builtin/layout_writer.h"
#include "image/builtin/tar_writer.h"
#include "support/node_test.h"

namespace cradle::test {
namespace {

namespace fs = std::filesystem;
constexpr char kHostile[] = "hostile.invalid/image:1";

class HostileImage : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    fs::create_directories(host_dir());
    image_.name = kHostile;
    image_.cmd = {"/bin/busybox", "sleep", "1000000"};
  }
  void TearDown() override {
    EXPECT_TRUE(RemoveAllPods());
    v1::RemoveImageRequest request;
    request.mutable_image()->set_image(kHostile);
    Must(IMAGE_CALL(RemoveImage, request));
    fs::remove_all(host_dir());
    fs::remove_all(layout());
    NodeTest::TearDown();
  }

  std::string layout() const { return daemon().dir() + "/hostile-layout"; }
  // What nothing must be written into.
  std::string host_dir() const { return daemon().dir() + "/host"; }
  static std::string Busybox() {
    for (const auto& layer : fs::directory_iterator(daemon().root() + "/images/layers"))
      if (std::string program = ReadText(layer.path() / "fs/bin/busybox"); !program.empty()) return program;
    throw std::runtime_error("no layer with busybox");
  }
  // `rest`: the files beside busybox.
  grpc::Status Import(image::TarWriter rest) {
    image_.layers = {rest.File("bin/busybox", Busybox(), 0755).Take()};
    if (auto written = image::WriteLayout(layout(), image_); !written.ok())
      throw std::runtime_error(written.error().text());
    ::cradle::v1::ImportImageRequest import;
    import.set_path(layout());
    return Call(cri().debug(), &::cradle::v1::Debug::Stub::ImportImage, import).status;
  }
  static v1::ContainerConfig Config(const std::string& name = "c") {
    v1::ContainerConfig config;
    config.mutable_metadata()->set_name(name);
    config.mutable_image()->set_image(kHostile);
    config.set_log_path(name + ".log");
    return config;
  }
  // Of whatever refuses it first.
  grpc::Status CreateAndStart(const std::string& pod, const v1::ContainerConfig& config) {
    auto created = TryCreate(pod, config);
    if (!created.ok()) return created.status;
    v1::StartContainerRequest start;
    start.set_container_id(created.value.container_id());
    return CRI_CALL(StartContainer, start).status;
  }

  image::LayoutImage image_;
};

TEST_F(HostileImage, AUserOutOfRangeOrUnknownNeverBecomesRoot) {
  std::string pod = RunPod(PodConfig("pod"));
  int count = 0;
  for (const char* user : {"4294967295", "4294967296", "18446744073709551616", "-1", "0x0", "1000:4294967296", "1000:-1", " 0"}) {
    image_.user = user;
    grpc::Status imported = Import(image::TarWriter());
    if (!imported.ok()) {
      EXPECT_NE(imported.error_message().find("USER"), std::string::npos) << imported.error_message();
      continue;
    }
    grpc::Status status = CreateAndStart(pod, Config("c" + std::to_string(++count)));
    EXPECT_FALSE(status.ok()) << user;
    EXPECT_NE(status.error_message().find(user), std::string::npos) << status.error_message();
  }
}

TEST_F(HostileImage, FoldersThatAreLinksLeadNowhereOnTheNode) {
  const std::string up = "../../../../../../../..";
  for (const std::string& target : {host_dir(), up + host_dir()}) {
    image::TarWriter files;
    for (const char* name : {"etc", "dev", "proc", "sys", "run", "data"}) files.Symlink(name, target);
    ASSERT_TRUE(Import(std::move(files)).ok());
    std::string pod = RunPod(PodConfig("pod"));
    v1::ContainerConfig config = Config();
    v1::Mount* mount = config.add_mounts();
    mount->set_host_path(daemon().cni_dir());
    mount->set_container_path("/data/below/it");
    // It may run or be refused; either is fine.
    (void)CreateAndStart(pod, config);
    EXPECT_TRUE(fs::is_empty(host_dir())) << target;
    RemovePod(pod);
    EXPECT_TRUE(fs::is_empty(host_dir())) << target;
  }
}

TEST_F(HostileImage, VolumesStayInTheContainer) {
  image_.volumes = {"/../../../../../../../.." + host_dir() + "/a", "..", "relative", "/link/b", "/"};
  ASSERT_TRUE(Import(image::TarWriter().Symlink("link", host_dir())).ok());
  (void)CreateAndStart(RunPod(PodConfig("pod")), Config());
  EXPECT_TRUE(fs::is_empty(host_dir()));
}

TEST_F(HostileImage, LabelsOfAnImageAreNoLabelsOfItsContainers) {
  image_.labels = {{"io.kubernetes.pod.uid", "x"}, {"io.kubernetes.container.name", "y"}, {"cradle.io/proc-views", "off"},
                   {"containerd.io/restart.loguri", "binary:///bin/sh"}, {"io.cri-containerd.kind", "sandbox"}};
  ASSERT_TRUE(Import(image::TarWriter()).ok());
  v1::ContainerConfig config = Config();
  (*config.mutable_labels())["asked"] = "for";
  auto status = StatusOf(StartNew(RunPod(PodConfig("pod")), config));
  EXPECT_EQ(status.labels_size(), 1);
  EXPECT_EQ(status.labels().at("asked"), "for");
  EXPECT_EQ(status.annotations_size(), 0);
}

}  // namespace
}  // namespace cradle::test
