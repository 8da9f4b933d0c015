#include "image/documents.h"
#include "image/hosts.h"
#include "image/node_store.h"
#include "image/reference.h"
#include "image/registry.h"

namespace cradle::image {

Result<NodeStore::ImagePtr> NodeStore::Pull(const std::string& text, const Auth& auth, std::stop_token stop,
                                            std::function<void(const Progress&)> progress) {
  Reference reference = TRY(ParseReference(text));
  std::mutex mutex;
  ProgressSink tell = [&](const Progress& news) {
    std::lock_guard lock(mutex);
    if (progress) progress(news);
  };
  RegistryOptions options;
  options.credentials_file = config_.credentials_file;
  options.stall_timeout = config_.stall_timeout;
  options.manifest_limit = config_.document_limits.manifest;
  options.warn = [&](const std::string& warning) { tell({"", "", 0, 0, warning}); };
  auto pulled = [&]() -> Result<ImagePtr> {
    RegistrySource source(reference, TRY(HostsFor(config_.registry_config_path, reference.domain)), auth, options);
    auto root = TRY(source.Resolve(stop));
    Names names;
    names.digests.push_back(reference.ByDigest(root.digest));
    if (reference.digest.empty()) names.tags.push_back(reference.str());
    Found found = TRY(Resolve(source, root.digest, std::move(root.bytes), root.media_type, stop));
    return Ingest(source, found, std::move(names), stop, tell);
  }();
  return std::move(pulled).With(Cat("pull ", reference.str()));
}

}  // namespace cradle::image
