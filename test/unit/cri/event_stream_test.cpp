// GetContainerEvents over a real socket, with as many events as it takes.
#include "cri/event_stream.h"

#include "server_fixture.h"

namespace cradle::cri {
namespace {

using sandbox::EventKind;

// A client that is being told.
class Client {
 public:
  explicit Client(pb::RuntimeService::Stub& stub) {
    context_.set_deadline(std::chrono::system_clock::now() + seconds(60));
    reader_ = stub.GetContainerEvents(&context_, {});
    reader_->WaitForInitialMetadata();
  }
  ~Client() { context_.TryCancel(); }

  bool Read() { return reader_->Read(&event); }
  grpc::Status Finish() { return reader_->Finish(); }

  pb::ContainerEventResponse event;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<pb::ContainerEventResponse>> reader_;
};

TEST_F(ServerTest, EventsShowThePodAndItsContainers) {
  Client client(*stub_);
  runtime_.TellEvent(EventKind::kStarted, 0, 7);
  runtime_.TellEvent(EventKind::kStopped, 1, 8);
  ASSERT_TRUE(client.Read());
  EXPECT_EQ(client.event.container_id(), kOne);
  EXPECT_EQ(client.event.container_event_type(), pb::CONTAINER_STARTED_EVENT);
  EXPECT_EQ(client.event.created_at(), 7);
  EXPECT_EQ(client.event.pod_sandbox_status().id(), kPodA);
  EXPECT_EQ(client.event.pod_sandbox_status().metadata().uid(), "uid");
  ASSERT_EQ(client.event.containers_statuses_size(), 1);
  EXPECT_EQ(client.event.containers_statuses(0).state(), pb::CONTAINER_RUNNING);
  ASSERT_TRUE(client.Read());
  EXPECT_EQ(client.event.container_event_type(), pb::CONTAINER_STOPPED_EVENT);
  EXPECT_EQ(client.event.containers_statuses(0).exit_code(), 3);
}

TEST_F(ServerTest, AClientThatFallsBehindIsEndedAndStallsNobody) {
  grpc::ChannelArguments apart;
  apart.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto slow_stub = pb::RuntimeService::NewStub(
      grpc::CreateCustomChannel("unix:" + path_, grpc::InsecureChannelCredentials(), apart));
  Client slow(*slow_stub);
  Client quick(*stub_);
  // Twice what may wait, and each of 8 KB: more than sockets and windows hold.
  constexpr int kMany = 2 * EventStream::kMaxBehind;
  runtime_.AddContainer(RandomHex64(), kPodA, {{"heavy", std::string(8192, 'x')}}, sandbox::State::kRunning);
  for (int i = 0; i < kMany; ++i) {
    runtime_.TellEvent(EventKind::kStarted, 2, i);
    ASSERT_TRUE(quick.Read());
    ASSERT_EQ(quick.event.created_at(), i);
  }
  int64_t got = 0;
  while (slow.Read()) EXPECT_EQ(slow.event.created_at(), got++);
  grpc::Status status = slow.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "the client is 4096 events behind");
  EXPECT_LT(got, kMany);
  runtime_.TellEvent(EventKind::kStopped, 0, kMany);
  ASSERT_TRUE(quick.Read());
}

TEST_F(ServerTest, WhatNobodyHeardIsToldToTheFirstWhoComes) {
  runtime_.TellEvent(EventKind::kStopped, 1, 5);
  Client first(*stub_);
  ASSERT_TRUE(first.Read());
  EXPECT_EQ(first.event.container_id(), kTwo);
  Client second(*stub_);
  runtime_.TellEvent(EventKind::kStarted, 0, 6);
  ASSERT_TRUE(second.Read());
  EXPECT_EQ(second.event.created_at(), 6);
}

TEST_F(ServerTest, ShutdownEndsTheStreamOfEvents) {
  Client client(*stub_);
  server_->Shutdown(After(milliseconds(0)));
  EXPECT_FALSE(client.Read());
  EXPECT_FALSE(client.Finish().ok());
}

}  // namespace
}  // namespace cradle::cri
