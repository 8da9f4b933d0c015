// Reference: an image's name as people and the kubelet write it, in its full form. Pure; the input is hostile.
//
//   busybox                           docker.io/library/busybox:latest
//   localhost:5000/a/b:v1             a host, because of the port (or a dot, or "localhost")
//   quay.io/x/y:v1@sha256:...         the digest counts, the tag is dropped, as other runtimes do
//
// Grammar: the distribution project's "reference"; at most 255 bytes of name and 128 of tag; digests are SHA-256.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cradle::image {

struct Reference {
  std::string domain;      // "docker.io", "localhost:5000", "[::1]:5000"
  std::string repository;  // "library/busybox"
  std::string tag;         // empty when there is a digest
  std::string digest;      // "sha256:...", or empty

  std::string Name() const { return Cat(domain, "/", repository); }
  std::string ByDigest(std::string_view of) const { return Cat(Name(), "@", of); }
  // The full form.
  std::string str() const { return digest.empty() ? Cat(Name(), ":", tag) : ByDigest(digest); }
};

Result<Reference> ParseReference(std::string_view text);

// The hex digits of an id or of the beginning of one ("sha256:" may stand before them); empty if `text` is none: a
// beginning has at least 6 digits and no "sha256:" means that a name is tried first, except for all 64.
std::string_view IdDigits(std::string_view text);

}  // namespace cradle::image
