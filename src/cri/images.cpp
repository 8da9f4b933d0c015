#include <stop_token>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cri/call.h"
#include "cri/check.h"
#include "cri/describe.h"
#include "cri/pull.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using nlohmann::ordered_json;

Result<> CheckSpec(const pb::ImageSpec& spec) {
  if (spec.image().empty()) return Bad("image.image", "", "must not be empty");
  if (spec.runtime_handler().empty()) return {};
  return Bad("image.runtime_handler", spec.runtime_handler(),
             "this runtime handler is not configured");
}

image::Auth AuthFrom(const pb::AuthConfig& auth) {
  return {.username = auth.username(),
          .password = auth.password(),
          .auth = auth.auth(),
          .server_address = auth.server_address(),
          .identity_token = auth.identity_token(),
          .registry_token = auth.registry_token()};
}

std::string InfoJson(const image::Image& image) {
  ordered_json config = ordered_json::parse(image.config_json, nullptr, false);
  ordered_json info = {{"imageSpec", config.is_discarded() ? ordered_json() : config},
                       {"layers", image.layer_dirs}};
  return info.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

Reactor* ImageService::ListImages(Context* context, const pb::ListImagesRequest* request,
                                  pb::ListImagesResponse* response) {
  const std::string& wanted = request->filter().image().image();
  if (wanted.empty()) {
    for (const auto& image : images_.List()) *response->add_images() = DescribeImage(*image);
    return Answer(context);
  }
  auto image = images_.Find(wanted);
  if (!image.ok()) return Answer(context, image.error());
  if (*image) *response->add_images() = DescribeImage(**image);
  return Answer(context);
}

// A missing image is an answer, not an error.
Reactor* ImageService::ImageStatus(Context* context, const pb::ImageStatusRequest* request,
                                   pb::ImageStatusResponse* response) {
  if (auto checked = CheckSpec(request->image()); !checked.ok()) {
    return Answer(context, checked.error());
  }
  auto image = images_.Find(request->image().image());
  if (!image.ok()) return Answer(context, image.error());
  if (*image == nullptr) return Answer(context);
  *response->mutable_image() = DescribeImage(**image);
  if (request->verbose()) (*response->mutable_info())["info"] = InfoJson(**image);
  return Answer(context);
}

Reactor* ImageService::PullImage(Context*, const pb::PullImageRequest* request,
                                 pb::PullImageResponse* response) {
  std::stop_source stop;
  auto call = Call::Begin(Cat("PullImage ", Quoted(request->image().image())), log::Level::kInfo,
                          [stop]() mutable { stop.request_stop(); });
  if (auto checked = CheckSpec(request->image()); !checked.ok()) return call->Fail(checked.error());
  pool_.Post([&images = images_, call, response, stop, reference = request->image().image(),
              auth = AuthFrom(request->auth())] {
    auto image = Pull(images, reference, auth, stop.get_token(), {});
    call->Complete(std::move(image),
                   [&](const auto& pulled) { response->set_image_ref(pulled->id); });
  });
  return call.get();
}

Reactor* ImageService::RemoveImage(Context* context, const pb::RemoveImageRequest* request,
                                   pb::RemoveImageResponse*) {
  if (auto checked = CheckSpec(request->image()); !checked.ok()) {
    return Answer(context, checked.error());
  }
  auto call = Call::Begin(Cat("RemoveImage ", Quoted(request->image().image())));
  pool_.Post([&images = images_, call, reference = request->image().image()] {
    call->Complete(images.Remove(reference));
  });
  return call.get();
}

Reactor* ImageService::ImageFsInfo(Context* context, const pb::ImageFsInfoRequest*,
                                   pb::ImageFsInfoResponse* response) {
  image::FsUsage usage = images_.Usage();
  pb::FilesystemUsage* images = response->add_image_filesystems();
  images->set_timestamp(WallNanos());
  images->mutable_fs_id()->set_mountpoint(usage.mountpoint);
  images->mutable_used_bytes()->set_value(usage.bytes);
  images->mutable_inodes_used()->set_value(usage.inodes);
  return Answer(context);
}

}  // namespace cradle::cri
