// Cri: a client of one cradled. Every call gives back what came, error or not; Must() turns an error into a failed
// test. Thread safe, as gRPC's stubs are.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "cradle/debug.grpc.pb.h"
#include "cri/api.grpc.pb.h"
#include "support/files.h"

namespace cradle::test {

namespace v1 = ::runtime::v1;

template <class Response>
struct Reply {
  grpc::Status status;
  Response value;

  bool ok() const { return status.ok(); }
  grpc::StatusCode code() const { return status.error_code(); }
  std::string text() const { return status.error_message(); }
};

template <class Response>
Response Must(Reply<Response> reply) {
  if (!reply.ok()) throw std::runtime_error("code " + std::to_string(reply.code()) + ": " + reply.text());
  return std::move(reply.value);
}

class Cri {
 public:
  explicit Cri(const std::string& socket) {
    grpc::ChannelArguments arguments;
    // A channel of its own, that comes back quickly when the daemon does.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, 64 << 20);
    auto channel = grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
    runtime_ = v1::RuntimeService::NewStub(channel);
    images_ = v1::ImageService::NewStub(channel);
    debug_ = ::cradle::v1::Debug::NewStub(channel);
  }

  v1::RuntimeService::Stub& runtime() { return *runtime_; }
  v1::ImageService::Stub& images() { return *images_; }
  ::cradle::v1::Debug::Stub& debug() { return *debug_; }

 private:
  std::unique_ptr<v1::RuntimeService::Stub> runtime_;
  std::unique_ptr<v1::ImageService::Stub> images_;
  std::unique_ptr<::cradle::v1::Debug::Stub> debug_;
};

// Call(cri.runtime(), &v1::RuntimeService::Stub::StartContainer, request)
template <class Stub, class Request, class Response>
Reply<Response> Call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                     const Request& request, std::chrono::milliseconds patience = kPatience) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + patience);
  context.set_wait_for_ready(true);
  Reply<Response> reply;
  reply.status = (stub.*method)(&context, request, &reply.value);
  return reply;
}

}  // namespace cradle::test
