// Every crash point of the image store: cradled dies there while an image arrives; the next one has it whole or not at all,
// keeps nothing half made, and takes it again. Then every failure point: the request fails, and so on.
#include <algorithm>
#include <filesystem>
#include <regex>

#include "support/node_test.h"

namespace cradle::test {
namespace {

std::vector<std::string> ImageCrashPoints() {
  static const std::regex kPoint("CrashPoint\\(\"([a-z_.]+)\"\\)");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(CRADLE_SOURCE_DIR "/src/image")) {
    if (entry.path().extension() != ".cpp") continue;
    std::string text = ReadText(entry.path());
    for (auto it = std::sregex_iterator(text.begin(), text.end(), kPoint); it != std::sregex_iterator(); ++it)
      names.push_back((*it)[1].str());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class ImageCrash : public NodeTest, public ::testing::WithParamInterface<std::string> {
 protected:
  using Debug = ::cradle::v1::Debug::Stub;

  Reply<::cradle::v1::ImportImageResponse> Import() {
    ::cradle::v1::ImportImageRequest import;
    import.set_path(CRADLE_BUILD_DIR "/images/busybox");
    import.set_name(kImage);
    return Call(cri().debug(), &Debug::ImportImage, import);
  }
  void Remove() {
    v1::RemoveImageRequest request;
    request.mutable_image()->set_image(kImage);
    Must(IMAGE_CALL(RemoveImage, request));
  }
  size_t Count(const std::string& folder) {
    auto entries = std::filesystem::directory_iterator(daemon().root() + "/images/" + folder);
    return static_cast<size_t>(std::distance(begin(entries), end(entries)));
  }
  // The image is there with all its files, or none of it is.
  void ExpectWholeOrNothing() {
    auto checkup = Must(Call(cri().debug(), &Debug::CheckImages, ::cradle::v1::CheckImagesRequest()));
    for (const std::string& problem : checkup.problems()) ADD_FAILURE() << problem;
    bool there = Must(IMAGE_CALL(ListImages, v1::ListImagesRequest())).images_size() > 0;
    EXPECT_EQ(Count("images"), there ? 1u : 0u);
    EXPECT_EQ(Count("layers"), there ? 1u : 0u);
    EXPECT_EQ(Count("tmp"), 0u);
  }
  void ExpectItRuns() {
    Must(Import());
    StartNew(RunPod(PodConfig("pod")), Sleeper("c"));
  }
};

TEST_P(ImageCrash, LeavesAWholeImageOrNone) {
  Remove();
  Restart({"CRADLE_CRASH_AT=" + GetParam()});
  (void)Import();
  ASSERT_TRUE(daemon().WaitForEnd()) << "nothing passes there";
  Restart();
  ExpectWholeOrNothing();
  ExpectItRuns();
}

TEST_P(ImageCrash, AFailureThereDoesToo) {
  Remove();
  Restart({"CRADLE_FAIL_AT=" + GetParam()});
  auto imported = Import();
  // Syncing the disk is nobody's request.
  if (!imported.ok()) EXPECT_NE(imported.text().find(GetParam()), std::string::npos) << imported.text();
  ExpectWholeOrNothing();
  Restart();
  ExpectWholeOrNothing();
  ExpectItRuns();
}

INSTANTIATE_TEST_SUITE_P(Points, ImageCrash, ::testing::ValuesIn(ImageCrashPoints()), [](const auto& point) {
  std::string name = point.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

}  // namespace
}  // namespace cradle::test
