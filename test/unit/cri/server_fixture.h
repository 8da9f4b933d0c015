// ServerTest: the services over a real unix socket, on a runtime that is only memory: a ready pod with a running
// container, a pod that isn't ready with an exited one, an image.
#pragma once

#include "cri/server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cri/api.grpc.pb.h"
#include "cri/limits.h"
#include "fakes.h"
#include "text.h"

namespace cradle::cri {

namespace pb = ::runtime::v1;

inline const std::string kPodA = "aaaa" + std::string(60, '0');
inline const std::string kPodB = "aabb" + std::string(60, '0');
inline const std::string kOne = "c111" + std::string(60, '0');
inline const std::string kTwo = "c122" + std::string(60, '0');

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cri-test-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
    path_ = dir_ + "/s.sock";
    auto image = std::make_shared<image::Image>();
    image->id = "sha256:1";
    image->repo_tags = {"docker.io/library/busybox:latest"};
    image->size = 10;
    images_.image = image;
    runtime_.AddPod(kPodA, {{"app", "a"}}, true);
    runtime_.AddPod(kPodB, {{"app", "b"}}, false);
    runtime_.AddContainer(kOne, kPodA, {{"foo", "bar"}}, sandbox::State::kRunning);
    runtime_.AddContainer(kTwo, kPodB, {}, sandbox::State::kExited);
    auto server =
        Server::Start(path_, Backend{runtime_, images_, network_, streaming_,
                                     {"0.1.0", {{"state", "/s"}}, FailedPrecondition("no parser"),
                                      cgroups::Driver::kCgroupfs, {"", "plain"}}});
    ASSERT_TRUE(server.ok()) << server.error().text();
    server_ = std::move(*server);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxMessage);
    channel_ =
        grpc::CreateCustomChannel("unix:" + path_, grpc::InsecureChannelCredentials(), arguments);
    stub_ = pb::RuntimeService::NewStub(channel_);
    image_stub_ = pb::ImageService::NewStub(channel_);
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(dir_);
  }

  // One call: its request as text.
  template <class Service, class Request, class Response>
  grpc::Status Ask(Service& service,
                   grpc::Status (Service::*rpc)(grpc::ClientContext*, const Request&, Response*),
                   const std::string& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + seconds(30));
    return (service.*rpc)(&context, FromText<Request>(request), response);
  }
#define ASK(RPC, TEXT, RESPONSE) \
  Ask<pb::RuntimeService::Stub>(*stub_, &pb::RuntimeService::Stub::RPC, TEXT, RESPONSE)
#define ASK_IMAGE(RPC, TEXT, RESPONSE) \
  Ask<pb::ImageService::Stub>(*image_stub_, &pb::ImageService::Stub::RPC, TEXT, RESPONSE)

  std::vector<std::string> PodIds(const std::string& filter) {
    pb::ListPodSandboxResponse response;
    EXPECT_TRUE(ASK(ListPodSandbox, "filter { " + filter + " }", &response).ok());
    std::vector<std::string> ids;
    for (const auto& pod : response.items()) ids.push_back(pod.id());
    return ids;
  }
  std::vector<std::string> ContainerIds(const std::string& filter) {
    pb::ListContainersResponse response;
    EXPECT_TRUE(ASK(ListContainers, "filter { " + filter + " }", &response).ok());
    std::vector<std::string> ids;
    for (const auto& container : response.containers()) ids.push_back(container.id());
    return ids;
  }

  std::string dir_, path_;
  FakeImages images_;
  FakeNetwork network_;
  FakeStreaming streaming_;
  FakeRuntime runtime_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<pb::RuntimeService::Stub> stub_;
  std::unique_ptr<pb::ImageService::Stub> image_stub_;
};

}  // namespace cradle::cri
