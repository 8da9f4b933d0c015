#include "image/additional.h"

#include <fcntl.h>

#include <algorithm>

#include "base/sys/file.h"
#include "image/build_image.h"
#include "image/documents.h"
#include "image/layers.h"
#include "image/record.h"

namespace cradle::image {
namespace {

Result<std::shared_ptr<Image>> ReadImage(const Layers& layers, const std::string& dir, const std::string& file_name) {
  Record record = TRY(LoadRecord(dir, file_name));
  std::string config_json = TRY(LoadDocument(dir, record.id, kStoredLimits.config.bytes));
  if (DigestOf(config_json) != record.id) return InvalidArgument("its config is damaged");
  ParsedConfig config = TRY(ParseConfig(config_json, HostPlatform(), kStoredLimits));
  if (ChainIds(config.diff_ids) != record.chain) return InvalidArgument("its layers are not those of its config");
  std::vector<LayerPlace> places;
  for (const std::string& chain : record.chain)
    places.push_back({layers.FsDir(chain), TRY(layers.ReadSize(chain)).bytes});
  return BuildImage(record, config_json, config, places);
}

}  // namespace

AdditionalImages ReadAdditional(const std::string& dir) {
  AdditionalImages out;
  Layers layers(dir);
  auto folder = sys::OpenAt(kCwd, dir + "/images", O_RDONLY | O_DIRECTORY);
  auto names = folder.ok() ? sys::ListDir(*folder) : Result<std::vector<std::string>>(std::move(folder.error()));
  if (!names.ok()) {
    out.warnings.push_back(Cat("additional store: ", names.error().text()));
    return out;
  }
  std::sort(names->begin(), names->end());
  for (const std::string& name : *names) {
    auto image = ReadImage(layers, dir, name);
    if (!image.ok()) {
      out.warnings.push_back(Cat("additional store: image record ", name, ": ", image.error().text()));
      continue;
    }
    (*image)->pinned = true;
    out.images.push_back(std::move(*image));
  }
  return out;
}

}  // namespace cradle::image
