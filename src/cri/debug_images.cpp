#include "cri/call.h"
#include "cri/check.h"
#include "cri/debug.h"

namespace cradle::cri {
namespace {

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

}  // namespace

Reactor* DebugService::ExportImages(Context*, const v1::ExportImagesRequest* request,
                                    v1::ExportImagesResponse* response) {
  auto call = Call::Begin(Cat("ExportImages ", Quoted(request->path())));
  if (auto path = CheckAbsolutePath("path", request->path()); !path.ok()) return call->Fail(path.error());
  std::vector<std::string> images(request->images().begin(), request->images().end());
  backend_.runtime.pool().Post([&store = backend_.images, call, response, images, path = request->path()] {
    call->Complete(store.Export(images, path), [&](const auto& ids) {
      for (const std::string& id : ids) response->add_ids(id);
    });
  });
  return call.get();
}

Reactor* DebugService::TagImage(Context*, const v1::TagImageRequest* request, v1::TagImageResponse*) {
  auto call = Call::Begin(Cat("TagImage ", Quoted(request->image()), " ", Quoted(request->name())));
  backend_.runtime.pool().Post([&store = backend_.images, call, image = request->image(), name = request->name()] {
    call->Complete(store.Tag(image, name), [](const auto&) {});
  });
  return call.get();
}

Reactor* DebugService::LookAtImage(Context* context, const v1::LookAtImageRequest* request,
                                   v1::LookAtImageResponse* response) {
  auto image = backend_.images.Find(request->image());
  if (!image.ok()) return Answer(context, image.error());
  if (*image == nullptr) return Answer(context, NotFound(Cat("image ", Quoted(request->image()), " is not here")));
  response->set_id((*image)->id);
  response->set_config_json((*image)->config_json);
  for (const std::string& dir : (*image)->layer_dirs) response->add_layer_dirs(dir);
  return Answer(context);
}

Reactor* DebugService::PruneImages(Context*, const v1::PruneImagesRequest*, v1::PruneImagesResponse* response) {
  auto call = Call::Begin("PruneImages");
  backend_.runtime.pool().Post([&store = backend_.images, call, response] {
    call->Complete(store.Prune(), [&](const auto& pruned) {
      for (const std::string& image : pruned.images) response->add_images(image);
      response->set_bytes(pruned.bytes);
    });
  });
  return call.get();
}

Reactor* DebugService::CheckImages(Context*, const v1::CheckImagesRequest* request,
                                   v1::CheckImagesResponse* response) {
  auto call = Call::Begin("CheckImages");
  auto repair = request->repair() ? image::Repair::kYes : image::Repair::kNo;
  backend_.runtime.pool().Post([&store = backend_.images, call, response, repair] {
    call->Complete(Result<image::Checkup>(store.Check(repair)), [&](const auto& checkup) {
      response->set_images(checkup.images);
      response->set_layers(checkup.layers);
      for (const std::string& problem : checkup.problems) response->add_problems(problem);
    });
  });
  return call.get();
}

}  // namespace cradle::cri
