// What the unpacker and its parent say to each other on descriptor 4, a seqpacket socket: wire-encoded messages.
//
//   unpacker -> parent  kNeedLowers                    asked at most once; the parent may take its time
//   parent -> unpacker  kLower with up to 16 descriptors, topmost first, repeated; then one without: that was all
//   unpacker -> parent  kOpaque: folders (paths below the root) that hide what lies below them, repeated
//   unpacker -> parent  kDone or kFailed: the last message
//
// The parent treats all of it as hostile: the unpacker has read the image's bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace cradle::unpack {

inline constexpr size_t kMaxMessage = 64 * 1024;
inline constexpr size_t kFdsPerMessage = 16;
// Descriptors of the program.
inline constexpr int kInputFd = 0, kRootFd = 3, kTalkFd = 4, kMountsFd = 5, kNetworkFd = 6;

struct Message {
  enum Kind : uint64_t { kNeedLowers = 1, kLower = 2, kOpaque = 3, kDone = 4, kFailed = 5 };
  Kind kind = kFailed;
  std::vector<std::string> paths;  // kOpaque
  std::string error;               // kFailed: a sentence
  Code code = Code::kInternal;     // kFailed
  std::string blob_digest;         // "sha256:..." of what was read; kFailed: empty if that isn't all
  std::string diff_id;             // "sha256:..." of it decompressed
  uint64_t blob_bytes = 0;         // read
  uint64_t bytes = 0;              // on disk, as du counts
  uint64_t inodes = 0;
};

std::string Encode(const Message& message);
Result<Message> Decode(std::string_view bytes);

}  // namespace cradle::unpack
