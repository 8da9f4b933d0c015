#include "ctl/client.h"
#include "ctl/image_access.h"
#include "ctl/pull.h"

namespace cradle::ctl {
namespace {

template <class List>
std::vector<std::string> Strings(const List& list) {
  return {list.begin(), list.end()};
}

class OnlineImages : public ImageAccess {
 public:
  explicit OnlineImages(Client& client) : client_(client) {}

  Result<ImageFacts> Look(const std::string& name) override {
    v1::LookAtImageRequest request;
    request.set_image(name);
    auto answer = TRY(client_.Call(&DebugStub::LookAtImage, request));
    return ImageFacts{answer.id(), answer.config_json(), Strings(answer.layer_dirs())};
  }
  Result<std::string> Pull(const PullOptions& options) override {
    return PullImage(client_, options.image, options.credentials, FdRef());
  }
  Result<std::vector<std::string>> Import(const std::string& path, const std::string& name) override {
    v1::ImportImageRequest request;
    request.set_path(path);
    request.set_name(name);
    auto answer = TRY(client_.Call(&DebugStub::ImportImage, request));
    return Strings(answer.names().empty() ? answer.images() : answer.names());
  }
  Result<std::vector<std::string>> Export(const std::vector<std::string>& names, const std::string& path) override {
    v1::ExportImagesRequest request;
    for (const std::string& name : names) request.add_images(name);
    request.set_path(path);
    return Strings(TRY(client_.Call(&DebugStub::ExportImages, request)).ids());
  }
  Result<> Tag(const std::string& name, const std::string& new_name) override {
    v1::TagImageRequest request;
    request.set_image(name);
    request.set_name(new_name);
    TRY(client_.Call(&DebugStub::TagImage, request));
    return {};
  }
  Result<PrunedImages> Prune() override {
    auto answer = TRY(client_.Call(&DebugStub::PruneImages, v1::PruneImagesRequest()));
    return PrunedImages{Strings(answer.images()), answer.bytes()};
  }
  Result<ImageCheckup> Check(bool repair) override {
    v1::CheckImagesRequest request;
    request.set_repair(repair);
    auto answer = TRY(client_.Call(&DebugStub::CheckImages, request));
    return ImageCheckup{answer.images(), answer.layers(), Strings(answer.problems())};
  }

 private:
  Client& client_;
};

}  // namespace

std::unique_ptr<ImageAccess> ImagesOf(Client& client) { return std::make_unique<OnlineImages>(client); }

}  // namespace cradle::ctl
