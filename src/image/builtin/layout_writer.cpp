#include "image/builtin/layout_writer.h"

#include <fcntl.h>

#include "base/sys/file.h"
#include "image/documents.h"
#include "image/json.h"

namespace cradle::image {
namespace {

Json DescriptorOf(const std::string& bytes, const char* media_type) {
  return {{"mediaType", media_type}, {"digest", DigestOf(bytes)}, {"size", bytes.size()}};
}

const char* LayerType(const std::string& bytes) {
  return bytes.starts_with("\x1f\x8b") ? "application/vnd.oci.image.layer.v1.tar+gzip"
                                       : "application/vnd.oci.image.layer.v1.tar";
}

Result<> WriteBlob(const std::string& dir, const std::string& bytes) {
  std::string hex = DigestOf(bytes).substr(sizeof("sha256:") - 1);
  return sys::ReplaceFile(kCwd, Cat(dir, "/blobs/sha256/", hex), bytes, 0644);
}

}  // namespace

LayoutDocuments MakeDocuments(const LayoutImage& image) {
  Platform platform = HostPlatform();
  Json diff_ids = image.diff_ids;
  Json layers = Json::array();
  for (const std::string& layer : image.layers) {
    if (image.diff_ids.empty()) diff_ids.push_back(DigestOf(layer));
    layers.push_back(DescriptorOf(layer, LayerType(layer)));
  }
  Json volumes = Json::object();
  for (const std::string& volume : image.volumes) volumes[volume] = Json::object();
  Json config{{"os", platform.os},
              {"architecture", platform.architecture},
              {"config",
               {{"Env", image.env}, {"Cmd", image.cmd}, {"User", image.user}, {"Volumes", volumes}, {"Labels", image.labels}}},
              {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}};
  LayoutDocuments out;
  out.config = Dump(config);
  Json manifest{{"schemaVersion", 2},
                {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                {"config", DescriptorOf(out.config, "application/vnd.oci.image.config.v1+json")},
                {"layers", layers}};
  out.manifest = Dump(manifest);
  Json entry = DescriptorOf(out.manifest, "application/vnd.oci.image.manifest.v1+json");
  entry["platform"] = {{"os", platform.os}, {"architecture", platform.architecture}};
  if (!image.name.empty()) entry["annotations"] = {{"io.containerd.image.name", image.name}};
  Json index{{"schemaVersion", 2},
             {"mediaType", "application/vnd.oci.image.index.v1+json"},
             {"manifests", Json::array({entry})}};
  out.index = Dump(index);
  return out;
}

Result<> WriteLayout(const std::string& dir, const LayoutImage& image) {
  TRYV(sys::RemoveTree(kCwd, dir));
  TRYV(sys::MakeDirs(dir + "/blobs/sha256", 0755));
  LayoutDocuments documents = MakeDocuments(image);
  for (const std::string& layer : image.layers) TRYV(WriteBlob(dir, layer));
  TRYV(WriteBlob(dir, documents.config));
  TRYV(WriteBlob(dir, documents.manifest));
  TRYV(sys::ReplaceFile(kCwd, dir + "/index.json", documents.index, 0644));
  return sys::ReplaceFile(kCwd, dir + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})", 0644);
}

}  // namespace cradle::image
