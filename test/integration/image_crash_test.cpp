// Every crash point of the image store: cradled dies there while an image arrives; the next one has it whole or not at all,
// keeps nothing half made, and takes it again. Then every failure point: the request fails, and so on.
#include <algorithm>
#include <filesystem>
#include <regex>

#include "image/builtin/layout_writer.h"
#include "image/builtin/tar_writer.h"
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
  static constexpr char kNew[] = "crash.invalid/image:1";

  void TearDown() override {
    v1::RemoveImageRequest request;
    request.mutable_image()->set_image(kNew);
    Must(IMAGE_CALL(RemoveImage, request));
    std::filesystem::remove_all(layout());
    NodeTest::TearDown();
  }
  std::string layout() const { return daemon().dir() + "/layout"; }
  Reply<::cradle::v1::ImportImageResponse> Import() {
    image::LayoutImage image;
    image.name = kNew;
    image.layers = {image::TarWriter().File("a", "a").Take(), image::TarWriter().File("b", "b").Take()};
    EXPECT_TRUE(image::WriteLayout(layout(), image).ok());
    ::cradle::v1::ImportImageRequest import;
    import.set_path(layout());
    return Call(cri().debug(), &Debug::ImportImage, import);
  }
  size_t Count(const std::string& folder) {
    auto entries = std::filesystem::directory_iterator(daemon().root() + "/images/" + folder);
    return static_cast<size_t>(std::distance(begin(entries), end(entries)));
  }
  // Beside the image that was there before: all of the new one or nothing.
  void ExpectWholeOrNothing() {
    auto checkup = Must(Call(cri().debug(), &Debug::CheckImages, ::cradle::v1::CheckImagesRequest()));
    for (const std::string& problem : checkup.problems()) ADD_FAILURE() << problem;
    bool there = Must(IMAGE_CALL(ListImages, v1::ListImagesRequest())).images_size() > 1;
    EXPECT_EQ(Count("images"), there ? 2u : 1u);
    EXPECT_EQ(Count("layers"), there ? 3u : 1u);
    EXPECT_EQ(Count("tmp"), 0u);
  }
  void ExpectItComes() {
    Must(Import());
    EXPECT_EQ(Must(IMAGE_CALL(ListImages, v1::ListImagesRequest())).images_size(), 2);
    ExpectWholeOrNothing();
  }
};

TEST_P(ImageCrash, LeavesAWholeImageOrNone) {
  Restart({"CRADLE_CRASH_AT=" + GetParam()});
  (void)Import();
  ASSERT_TRUE(daemon().WaitForEnd()) << "nothing passes there";
  Restart();
  ExpectWholeOrNothing();
  ExpectItComes();
}

TEST_P(ImageCrash, AFailureThereDoesToo) {
  Restart({"CRADLE_FAIL_AT=" + GetParam()});
  auto imported = Import();
  bool nobodys = GetParam() == "image.layer.mark";  // the disk is synced when the request is over
  EXPECT_EQ(imported.ok(), nobodys);
  EXPECT_TRUE(nobodys || imported.text().find(GetParam()) != std::string::npos) << imported.text();
  ExpectWholeOrNothing();
  Restart();
  ExpectWholeOrNothing();
  ExpectItComes();
}

INSTANTIATE_TEST_SUITE_P(Points, ImageCrash, ::testing::ValuesIn(ImageCrashPoints()), [](const auto& point) {
  std::string name = point.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

}  // namespace
}  // namespace cradle::test
