#include "unpack/report.h"

#include "base/wire.h"

namespace cradle::unpack {
namespace {

enum Tag : uint16_t { kKind = 1, kPath, kError, kBlobDigest, kDiffId, kBlobBytes, kBytes, kInodes, kCode };

}  // namespace

std::string Encode(const Message& message) {
  wire::Writer w;
  w.U64(kKind, message.kind);
  w.Strs(kPath, message.paths);
  if (!message.error.empty()) w.Str(kError, message.error);
  if (message.kind == Message::kFailed) w.U64(kCode, static_cast<uint64_t>(message.code));
  if (!message.blob_digest.empty()) w.Str(kBlobDigest, message.blob_digest);
  if (message.kind == Message::kDone) {
    w.Str(kDiffId, message.diff_id);
    w.U64(kBlobBytes, message.blob_bytes);
    w.U64(kBytes, message.bytes);
    w.U64(kInodes, message.inodes);
  }
  return w.Take();
}

Result<Message> Decode(std::string_view bytes) {
  Message message;
  uint64_t kind = 0, code = static_cast<uint64_t>(Code::kInternal);
  wire::Reader r(bytes);
  while (r.Next()) {
    switch (r.tag()) {
      case kKind: kind = r.U64(); break;
      case kPath: message.paths.push_back(r.Str()); break;
      case kError: message.error = r.Str(); break;
      case kBlobDigest: message.blob_digest = r.Str(); break;
      case kDiffId: message.diff_id = r.Str(); break;
      case kBlobBytes: message.blob_bytes = r.U64(); break;
      case kBytes: message.bytes = r.U64(); break;
      case kInodes: message.inodes = r.U64(); break;
      case kCode: code = r.U64(); break;
      default: break;
    }
  }
  if (!r.ok() || kind < Message::kNeedLowers || kind > Message::kFailed ||
      code < static_cast<uint64_t>(Code::kCancelled) || code > static_cast<uint64_t>(Code::kUnavailable))
    return Internal("malformed message of the unpacker");
  message.kind = static_cast<Message::Kind>(kind);
  message.code = static_cast<Code>(code);
  return message;
}

}  // namespace cradle::unpack
