// cradle.v1.Debug: what cradlectl needs beyond the CRI. As services.h, nothing blocks.
#pragma once

#include <grpcpp/grpcpp.h>

#include "cradle/debug.grpc.pb.h"
#include "cri/backend.h"

namespace cradle::cri {

class DebugService final : public v1::Debug::CallbackService {
 public:
  explicit DebugService(Backend& backend) : backend_(backend) {}

  grpc::ServerUnaryReactor* Info(grpc::CallbackServerContext* context, const v1::InfoRequest*,
                                 v1::InfoResponse* response) override;
  grpc::ServerUnaryReactor* ImportImage(grpc::CallbackServerContext* context,
                                        const v1::ImportImageRequest* request,
                                        v1::ImportImageResponse* response) override;
  // debug_images.cpp
  grpc::ServerUnaryReactor* ExportImages(grpc::CallbackServerContext* context,
                                const v1::ExportImagesRequest* request,
                                v1::ExportImagesResponse* response) override;
  grpc::ServerUnaryReactor* TagImage(grpc::CallbackServerContext* context,
                                const v1::TagImageRequest* request,
                                v1::TagImageResponse* response) override;
  grpc::ServerUnaryReactor* LookAtImage(grpc::CallbackServerContext* context,
                                const v1::LookAtImageRequest* request,
                                v1::LookAtImageResponse* response) override;
  grpc::ServerUnaryReactor* PruneImages(grpc::CallbackServerContext* context,
                                const v1::PruneImagesRequest* request,
                                v1::PruneImagesResponse* response) override;
  grpc::ServerUnaryReactor* CheckImages(grpc::CallbackServerContext* context,
                                const v1::CheckImagesRequest* request,
                                v1::CheckImagesResponse* response) override;
  grpc::ServerWriteReactor<v1::PullImageProgress>* PullImage(
      grpc::CallbackServerContext* context, const v1::PullImageRequest* request) override;
  grpc::ServerUnaryReactor* Inspect(grpc::CallbackServerContext* context,
                                    const v1::InspectRequest* request,
                                    v1::InspectResponse* response) override;

 private:
  Backend& backend_;
};

}  // namespace cradle::cri
