// The Stream* lists: the same as the lists, in pieces.
#include "server_fixture.h"

namespace cradle::cri {
namespace {

// All messages of one stream; throws when it ends with an error.
template <class Request, class Page>
std::vector<Page> ReadAll(pb::RuntimeService::Stub& stub,
                          std::unique_ptr<grpc::ClientReader<Page>> (pb::RuntimeService::Stub::*rpc)(
                              grpc::ClientContext*, const Request&),
                          const std::string& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(30));
  auto reader = (stub.*rpc)(&context, FromText<Request>(request));
  std::vector<Page> pages;
  for (Page page; reader->Read(&page);) pages.push_back(page);
  grpc::Status status = reader->Finish();
  if (!status.ok()) throw std::runtime_error(status.error_message());
  return pages;
}
#define READ_ALL(RPC, TEXT) ReadAll(*stub_, &pb::RuntimeService::Stub::RPC, TEXT)

TEST_F(ServerTest, StreamedListsAreTheLists) {
  auto pods = READ_ALL(StreamPodSandboxes, "");
  ASSERT_EQ(pods.size(), 1u);
  pb::ListPodSandboxResponse listed;
  ASSERT_TRUE(ASK(ListPodSandbox, "", &listed).ok());
  ASSERT_EQ(pods[0].pod_sandboxes_size(), listed.items_size());
  EXPECT_EQ(pods[0].pod_sandboxes(1).SerializeAsString(), listed.items(1).SerializeAsString());
  auto ready = READ_ALL(StreamPodSandboxes, "filter { state { state: SANDBOX_READY } }");
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].pod_sandboxes(0).id(), kPodA);

  auto containers = READ_ALL(StreamContainers, "filter { label_selector { key: 'foo' value: 'bar' } }");
  ASSERT_EQ(containers.size(), 1u);
  ASSERT_EQ(containers[0].containers_size(), 1);
  EXPECT_EQ(containers[0].containers(0).id(), kOne);

  auto stats = READ_ALL(StreamContainerStats, "");
  ASSERT_EQ(stats.size(), 1u);
  EXPECT_EQ(stats[0].container_stats(0).cpu().usage_core_nano_seconds().value(), 6u);
}

TEST_F(ServerTest, FiguresOfPodsAreStreamedToo) {
  auto stats = READ_ALL(StreamPodSandboxStats, "");
  ASSERT_EQ(stats.size(), 1u);
  EXPECT_EQ(stats[0].pod_sandbox_stats(0).attributes().id(), kPodA);
  auto metrics = READ_ALL(StreamPodSandboxMetrics, "");
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_EQ(metrics[0].pod_sandbox_metrics(0).pod_sandbox_id(), kPodA);
}

TEST_F(ServerTest, AnEmptyListIsNoMessage) {
  EXPECT_TRUE(READ_ALL(StreamContainers, "filter { id: 'ffff' }").empty());
}

TEST_F(ServerTest, ALongListComesInPiecesThatFit) {
  // 200 containers with 100 KB of labels each: 20 MB, more than one message may be.
  const sandbox::StringMap heavy = {{"heavy", std::string(100'000, 'x')}};
  for (int i = 0; i < 200; ++i)
    runtime_.AddContainer(RandomHex64(), kPodB, heavy, sandbox::State::kExited);
  auto pages = READ_ALL(StreamContainers, "");
  EXPECT_GT(pages.size(), 10u);
  std::set<std::string> ids;
  for (const auto& page : pages) {
    EXPECT_GT(page.containers_size(), 0);
    EXPECT_LT(page.ByteSizeLong(), 2u << 20);
    for (const auto& one : page.containers()) ids.insert(one.id());
  }
  EXPECT_EQ(ids.size(), 202u);
}

TEST_F(ServerTest, ImagesAreStreamedToo) {
  for (const auto& [filter, count] : {std::pair{"", 1}, {"filter { image { image: 'nothing' } }", 0}}) {
    grpc::ClientContext context;
    auto reader = image_stub_->StreamImages(&context, FromText<pb::StreamImagesRequest>(filter));
    int images = 0;
    for (pb::StreamImagesResponse page; reader->Read(&page);) images += page.images_size();
    EXPECT_TRUE(reader->Finish().ok());
    EXPECT_EQ(images, count);
  }
  grpc::ClientContext context;
  auto reader = image_stub_->StreamImages(
      &context, FromText<pb::StreamImagesRequest>("filter { image { image: 'no reference' } }"));
  pb::StreamImagesResponse page;
  EXPECT_FALSE(reader->Read(&page));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace cradle::cri
