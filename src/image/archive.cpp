#include "image/archive.h"

#include <fcntl.h>

#include "base/sys/file.h"
#include "image/json.h"
#include "image/unpack_process.h"

namespace cradle::image {
namespace {

constexpr size_t kChunk = 256 * 1024;
constexpr size_t kHexAt = sizeof("sha256:") - 1;
constexpr const char* kFullName = "io.containerd.image.name";
constexpr const char* kRefName = "org.opencontainers.image.ref.name";

std::string PathOf(const Descriptor& descriptor) {
  if (!descriptor.path.empty()) return descriptor.path;
  return Cat("blobs/sha256/", descriptor.digest.substr(kHexAt));
}

Result<UniqueFd> OpenMember(FdRef dir, const std::string& path) {
  // Not blocking: a member could be a fifo.
  UniqueFd fd = TRY(sys::OpenInRoot(dir, path, O_RDONLY | O_NONBLOCK));
  if (!S_ISREG(TRY(sys::Fstat(fd)).st_mode)) return InvalidArgument(Cat(path, " is no regular file"));
  return fd;
}

Result<std::string> ReadWithin(FdRef fd, const SizeLimit& limit) {
  auto bytes = sys::ReadAll(fd, limit.bytes);
  if (bytes.ok() || bytes.error().code() != Code::kOutOfRange) return bytes;
  return Error(Code::kResourceExhausted,
               Cat("larger than the limit of ", std::to_string(limit.bytes), " bytes (", limit.key, ")"));
}

Result<> Pump(FdRef fd, const ByteSink& sink, std::stop_token stop) {
  std::string buffer(kChunk, '\0');
  while (!stop.stop_requested()) {
    size_t got = TRY(sys::Read(fd, buffer.data(), buffer.size()));
    if (got == 0) return {};
    TRYV(sink(std::string_view(buffer).substr(0, got)));
  }
  return Error(Code::kCancelled, "cancelled");
}

// A name of its own, a mere tag of `name`, or `name`.
std::vector<std::string> NamesOf(const Descriptor& entry, const std::string& name) {
  if (auto full = entry.annotations.find(kFullName); full != entry.annotations.end()) return {full->second};
  auto stated = entry.annotations.find(kRefName);
  if (stated != entry.annotations.end() && stated->second.find_first_of(":/") != std::string::npos)
    return {stated->second};
  if (name.empty()) return {};
  bool has_tag = name.find(':', name.rfind('/') + 1) != std::string::npos || name.find('@') != std::string::npos;
  if (stated != entry.annotations.end() && !has_tag) return {Cat(name, ":", stated->second)};
  return {name};
}

}  // namespace

Result<std::string> ArchiveSource::Document(const Descriptor& descriptor, const SizeLimit& limit, std::stop_token) {
  std::string path = PathOf(descriptor);
  UniqueFd fd = TRY(OpenMember(dir_, path));
  std::string bytes = TRY(ReadWithin(fd, limit).With(path));
  if (!descriptor.digest.empty() && DigestOf(bytes) != descriptor.digest)
    return InvalidArgument(Cat(path, ": its digest is ", DigestOf(bytes)));
  return bytes;
}

Result<> ArchiveSource::Feed(const Descriptor& descriptor, const ByteSink& sink, std::stop_token stop) {
  UniqueFd fd = TRY(OpenMember(dir_, PathOf(descriptor)));
  return Pump(fd, sink, stop);
}

Result<std::vector<ArchiveEntry>> ReadArchiveIndex(const std::string& path, const std::string& name,
                                                   const DocumentLimits& limits) {
  UniqueFd dir = TRY(sys::OpenAt(kCwd, path, O_RDONLY | O_DIRECTORY));
  std::vector<ArchiveEntry> out;
  // Newer docker archives are both; the layout states digests, so it is the better one.
  if (sys::Exists(dir, "index.json")) {
    UniqueFd fd = TRY(OpenMember(dir, "index.json"));
    std::string bytes = TRY(ReadWithin(fd, limits.manifest).With("index.json"));
    Document document = TRY(ParseDocument(bytes, "", limits).With("index.json"));
    if (!std::holds_alternative<Index>(document)) return InvalidArgument("index.json is no index");
    for (Descriptor& entry : std::get<Index>(document).manifests)
      out.push_back({NamesOf(entry, name), entry, {}});
    return out;
  }
  if (!sys::Exists(dir, "manifest.json"))
    return InvalidArgument(Cat(path, " is neither an OCI layout nor a docker archive"));
  UniqueFd fd = TRY(OpenMember(dir, "manifest.json"));
  std::string bytes = TRY(ReadWithin(fd, limits.manifest).With("manifest.json"));
  for (ArchivedImage& image : TRY(ParseDockerArchive(bytes, limits).With("manifest.json"))) {
    if (image.tags.empty() && !name.empty()) image.tags.push_back(name);
    out.push_back({std::move(image.tags), std::nullopt, std::move(image.manifest)});
  }
  return out;
}

Result<> UnpackArchive(const StoreConfig& config, const std::string& tar, const std::string& into) {
  UniqueFd fd = TRY(sys::OpenAt(kCwd, tar, O_RDONLY));
  auto none = []() -> Result<std::vector<std::string>> { return std::vector<std::string>(); };
  auto process = TRY(UnpackProcess::Start(config, into, none));
  TRYV(Pump(fd, [&](std::string_view bytes) { return process->Write(bytes); }, {}));
  auto done = process->Finish();
  if (!done.ok()) return std::move(done.error());
  return {};
}

}  // namespace cradle::image
