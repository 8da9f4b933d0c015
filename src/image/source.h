// Source: where documents and layers come from: a registry or a directory. Thread safe: layers are fed in parallel.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/documents.h"

namespace cradle::image {

using ByteSink = std::function<Result<>(std::string_view)>;

class Source {
 public:
  virtual ~Source() = default;
  // Whose downloads are counted together.
  virtual std::string registry() const = 0;
  // A manifest or config within the limit; its digest is as stated in the descriptor.
  virtual Result<std::string> Document(const Descriptor& descriptor, const SizeLimit& limit, std::stop_token stop) = 0;
  // The bytes of a layer, in order, each exactly once; the caller checks their digest.
  virtual Result<> Feed(const Descriptor& descriptor, const ByteSink& sink, std::stop_token stop) = 0;
};

}  // namespace cradle::image
