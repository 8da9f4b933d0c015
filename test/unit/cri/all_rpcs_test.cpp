// Every RPC that the interface has: which of them answer UNIMPLEMENTED is a list here, so that nobody forgets one.
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>

#include <set>

#include "server_fixture.h"

namespace cradle::cri {
namespace {

// Waits for the operation that was begun last; whether it went well.
bool Done(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  return queue.Next(&tag, &ok) && ok;
}

// With an empty request: an error mostly, but not always.
grpc::Status AskNothing(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(30));
  auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  Done(queue);
  grpc::Slice nothing;
  call->WriteLast(grpc::ByteBuffer(&nothing, 1), grpc::WriteOptions(), nullptr);
  Done(queue);
  grpc::ByteBuffer answer;
  do call->Read(&answer, nullptr);
  while (Done(queue));
  grpc::Status status;
  call->Finish(&status, nullptr);
  Done(queue);
  return status;
}

TEST_F(ServerTest, WhatIsNotBuiltIsUnimplementedAndAllElseIsThere) {
  std::set<std::string> missing;
  for (const char* name : {"runtime.v1.RuntimeService", "runtime.v1.ImageService"}) {
    const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    ASSERT_NE(service, nullptr);
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string& rpc = service->method(i)->name();
      if (rpc == "GetContainerEvents") continue;  // endless: event_stream_test.cpp
      auto status = AskNothing(channel_, "/" + std::string(name) + "/" + rpc);
      if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) missing.insert(rpc);
    }
  }
  EXPECT_EQ(missing,
            (std::set<std::string>{"CheckpointContainer", "CheckpointPod", "RestorePod"}));
}

TEST_F(ServerTest, CheckpointsSayWhatIsMissing) {
  pb::CheckpointContainerResponse container;
  pb::CheckpointPodResponse pod;
  pb::RestorePodResponse restored;
  for (const grpc::Status& status :
       {ASK(CheckpointContainer, "container_id: 'c11'", &container),
        ASK(CheckpointPod, "pod_sandbox_id: 'aaa'", &pod), ASK(RestorePod, "", &restored)}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
    EXPECT_EQ(status.error_message(), "checkpoint and restore need CRIU, which cradle doesn't drive");
  }
}

TEST_F(ServerTest, UnknownRuntimeHandlersAreRefusedByName) {
  pb::RunPodSandboxResponse pod;
  pb::PullImageResponse pulled;
  pb::ImageStatusResponse image;
  std::string config = "config { metadata { name: 'web' namespace: 'n' uid: 'u' } }";
  for (const grpc::Status& status : {ASK(RunPodSandbox, config + " runtime_handler: 'kata'", &pod),
                                     ASK_IMAGE(PullImage, "image { image: 'b' runtime_handler: 'kata' }", &pulled),
                                     ASK_IMAGE(ImageStatus, "image { image: 'b' runtime_handler: 'kata' }", &image)}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_NE(status.error_message().find("runtime_handler: \"kata\": this runtime handler is not configured"),
              std::string::npos)
        << status.error_message();
  }
}

}  // namespace
}  // namespace cradle::cri
