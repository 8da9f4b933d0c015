// SPDY/3.1, the server's half, as Kubernetes' clients speak it: streams are opened by the client, there is no flow
// control (neither side of theirs keeps to it), pushes and credentials don't exist. No I/O.
//
// All header blocks of a connection are one zlib stream with the protocol's dictionary, so each block is inflated,
// wanted or not. A server of this kind answers with empty header blocks only: those are constants, and there is no
// compressor. (SPDY Protocol, draft 3.1: dev.chromium.org/spdy/spdy-protocol.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

struct z_stream_s;

namespace cradle::streaming::spdy {

inline constexpr size_t kMaxControl = 16 * 1024;   // payload of a control frame
inline constexpr size_t kMaxInflated = 16 * 1024;  // a header block
inline constexpr size_t kMaxHeaders = 32;
inline constexpr size_t kMaxField = 1024;          // a name or a value
inline constexpr size_t kMaxData = 64 * 1024;      // payload of a data frame of ours
inline constexpr uint32_t kOwnPing = 2;            // a server's are even; nobody waits for the answer

using Headers = std::vector<std::pair<std::string, std::string>>;
// Its value; empty when there is none. Names are lower case on the wire.
std::string_view Find(const Headers& headers, std::string_view name);

// The inflating side of a connection's header blocks.
class Inflater {
 public:
  Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();
  Result<Headers> Read(std::string_view block);

 private:
  Result<std::string> Inflate(std::string_view block);
  std::unique_ptr<z_stream_s> stream_;
};

class Handler {
 public:
  virtual void OnStream(uint32_t id, const Headers& headers) = 0;
  // A piece of a stream's data, in order; `fin`: the client's side of it ends here (`bytes` may be empty then).
  virtual void OnData(uint32_t id, std::string_view bytes, bool fin) = 0;
  virtual void OnReset(uint32_t id) = 0;
  virtual void OnPing(uint32_t id) = 0;  // one of the client's: to be sent back

 protected:
  ~Handler() = default;
};

// Takes the byte stream in any pieces. Data is passed on as it comes, control frames are collected. After an error the
// connection is lost.
class Parser {
 public:
  explicit Parser(Handler& handler) : handler_(handler) {}
  Result<> Feed(std::string_view bytes);

 private:
  Result<> OnHead();
  Result<> OnControl();
  Result<> OnSynStream(std::string_view payload);

  Handler& handler_;
  Inflater inflater_;
  std::string head_;     // of the frame under way, until it has 8 bytes
  std::string payload_;  // of a control frame
  size_t left_ = 0;      // of the payload
  bool in_frame_ = false;
  bool control_ = false;
  uint16_t type_ = 0;
  uint8_t flags_ = 0;
  uint32_t stream_ = 0;
  uint32_t last_stream_ = 0;
};

// Frames of ours.
std::string DataHead(uint32_t stream, size_t size, bool fin);  // size <= kMaxData
std::string SynReply(uint32_t stream, bool first);             // first of the connection
std::string Reset(uint32_t stream, uint32_t status);
std::string Ping(uint32_t id);
std::string GoAway(uint32_t last_stream);
// A client's. Its header block is stored, not compressed: at most 65,535 bytes.
std::string SynStream(uint32_t stream, const Headers& headers, bool first);

inline constexpr uint32_t kProtocolError = 1;
inline constexpr uint32_t kRefused = 3;
inline constexpr uint32_t kInternalError = 6;

}  // namespace cradle::streaming::spdy
