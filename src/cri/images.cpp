#include <filesystem>
#include <stop_token>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cri/call.h"
#include "cri/check.h"
#include "cri/describe.h"
#include "cri/list_stream.h"
#include "cri/pull.h"
#include "cri/services.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

using nlohmann::ordered_json;

// Images are the same for every handler.
Result<> CheckSpec(const pb::ImageSpec& spec, const NodeInfo& node) {
  if (spec.image().empty()) return Bad("image.image", "", "must not be empty");
  return CheckHandler("image.runtime_handler", spec.runtime_handler(), node.handlers);
}

image::Auth AuthFrom(const pb::AuthConfig& auth) {
  return {.username = auth.username(),
          .password = auth.password(),
          .auth = auth.auth(),
          .server_address = auth.server_address(),
          .identity_token = auth.identity_token(),
          .registry_token = auth.registry_token()};
}

Result<std::vector<std::shared_ptr<const image::Image>>> SelectImages(
    const image::ImageStore& images, const pb::ImageFilter& filter) {
  const std::string& wanted = filter.image().image();
  if (wanted.empty()) return images.List();
  auto image = TRY(images.Find(wanted));
  if (!image) return std::vector<std::shared_ptr<const image::Image>>();
  return std::vector{image};
}

// Of ".../layers/<chain>/fs".
std::string ChainOf(const std::string& layer_dir) {
  std::string chain = std::filesystem::path(layer_dir).parent_path().filename().string();
  return chain.starts_with("sha256:") ? chain : "sha256:" + chain;
}

std::string InfoJson(const image::Image& image) {
  ordered_json config = ordered_json::parse(image.config_json, nullptr, false);
  // As containerd has it, and below that what is ours.
  ordered_json info = {{"chainID", image.layer_dirs.empty() ? "" : ChainOf(image.layer_dirs.front())},
                       {"imageSpec", config.is_discarded() ? ordered_json() : config},
                       {"layers", image.layer_dirs}};
  return info.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

Reactor* ImageService::ListImages(Context* context, const pb::ListImagesRequest* request,
                                  pb::ListImagesResponse* response) {
  auto selected = SelectImages(images_, request->filter());
  if (!selected.ok()) return Answer(context, selected.error());
  for (const auto& image : *selected) *response->add_images() = DescribeImage(*image);
  return Answer(context);
}

grpc::ServerWriteReactor<pb::StreamImagesResponse>* ImageService::StreamImages(
    Context*, const pb::StreamImagesRequest* request) {
  auto add = [](const std::shared_ptr<const image::Image>& image, pb::StreamImagesResponse& page) {
    return (*page.add_images() = DescribeImage(*image)).ByteSizeLong();
  };
  return StreamAll<pb::StreamImagesResponse>(SelectImages(images_, request->filter()), add);
}

// A missing image is an answer, not an error.
Reactor* ImageService::ImageStatus(Context* context, const pb::ImageStatusRequest* request,
                                   pb::ImageStatusResponse* response) {
  if (auto checked = CheckSpec(request->image(), node_); !checked.ok()) {
    return Answer(context, checked.error());
  }
  auto image = images_.Find(request->image().image());
  if (!image.ok()) return Answer(context, image.error());
  if (*image == nullptr) return Answer(context);
  *response->mutable_image() = DescribeImage(**image);
  if (const std::string& handler = request->image().runtime_handler(); !handler.empty())
    response->mutable_image()->mutable_spec()->set_runtime_handler(handler);
  if (request->verbose()) (*response->mutable_info())["info"] = InfoJson(**image);
  return Answer(context);
}

Reactor* ImageService::PullImage(Context*, const pb::PullImageRequest* request,
                                 pb::PullImageResponse* response) {
  std::stop_source stop;
  auto call = Call::Begin(Cat("PullImage ", Quoted(request->image().image())), log::Level::kInfo,
                          [stop]() mutable { stop.request_stop(); });
  if (auto checked = CheckSpec(request->image(), node_); !checked.ok()) return call->Fail(checked.error());
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
  if (auto checked = CheckSpec(request->image(), node_); !checked.ok()) {
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
