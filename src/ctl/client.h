// Client: the connection to cradled, and calls that block, one at a time. Errors are the server's,
// or say why it can't be reached and what to do about it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "cradle/debug.grpc.pb.h"
#include "cri/api.grpc.pb.h"

namespace cradle::ctl {

namespace pb = ::runtime::v1;

Error ErrorFrom(const grpc::Status& status);

class Client {
 public:
  // `address`: "unix:///run/cradle/cradle.sock" or a path. Fails when nobody listens there.
  static Result<Client> Connect(const std::string& address);

  // client.Call(&pb::RuntimeService::Stub::Version, request). No deadline: the server's work has
  // its own.
  template <class Stub, class Request, class Response>
  Result<Response> Call(grpc::Status (Stub::*rpc)(grpc::ClientContext*, const Request&, Response*),
                        const Request& request) {
    grpc::ClientContext context;
    Response response;
    grpc::Status status = (stub<Stub>().*rpc)(&context, request, &response);
    if (!status.ok()) return ErrorFrom(status);
    return response;
  }

  template <class Stub>
  Stub& stub();

 private:
  std::unique_ptr<pb::RuntimeService::Stub> runtime_;
  std::unique_ptr<pb::ImageService::Stub> images_;
  std::unique_ptr<v1::Debug::Stub> debug_;
};

template <>
inline pb::RuntimeService::Stub& Client::stub() {
  return *runtime_;
}
template <>
inline pb::ImageService::Stub& Client::stub() {
  return *images_;
}
template <>
inline v1::Debug::Stub& Client::stub() {
  return *debug_;
}

using RuntimeStub = pb::RuntimeService::Stub;
using ImageStub = pb::ImageService::Stub;
using DebugStub = v1::Debug::Stub;

}  // namespace cradle::ctl
