#include "support/spdy_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "streaming/spdy_dictionary.h"

namespace cradle::test {
namespace {

void Put32(std::string& out, uint32_t value) {
  value = htonl(value);
  out.append(reinterpret_cast<const char*>(&value), 4);
}
uint32_t Get32(const std::string& bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, 4);
  return ntohl(value);
}

struct Url {
  std::string host, path;
  uint16_t port = 0;
};
Url Split(const std::string& url) {
  size_t host = url.find("//") + 2, colon = url.find(':', host), slash = url.find('/', colon);
  if (url.rfind("http://", 0) != 0 || slash == std::string::npos) throw std::runtime_error("not a URL: " + url);
  return {url.substr(host, colon - host), url.substr(slash),
          static_cast<uint16_t>(std::stoi(url.substr(colon + 1, slash - colon - 1)))};
}

}  // namespace

SpdyClient::SpdyClient(const std::string& url, const std::string& protocol, int receive_buffer) {
  Url to = Split(url);
  socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer) ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(to.port);
  ::inet_pton(AF_INET, to.host.c_str(), &address.sin_addr);
  if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    throw std::runtime_error("connect " + url);
  ::deflateInit(&deflater_, Z_DEFAULT_COMPRESSION);
  ::deflateSetDictionary(&deflater_, reinterpret_cast<const Bytef*>(streaming::spdy::kDictionary.data()),
                         streaming::spdy::kDictionary.size());
  SendRaw("POST " + to.path + " HTTP/1.1\r\nHost: " + to.host +
          "\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: " + protocol +
          "\r\nContent-Length: 0\r\n\r\n");
  while (bytes_.find("\r\n\r\n") == std::string::npos && ReadSome()) {
  }
  size_t end = bytes_.find("\r\n\r\n");
  if (end == std::string::npos) throw std::runtime_error("no answer: " + bytes_);
  status_ = std::stoi(bytes_.substr(9, 3));
  if (status_ == 101) {
    response_ = bytes_.substr(0, end + 4);
    bytes_.erase(0, end + 4);
    TakeFrames();
    return;
  }
  while (ReadSome()) {
  }
  response_ = std::exchange(bytes_, "");
}

SpdyClient::~SpdyClient() { ::deflateEnd(&deflater_); }

uint32_t SpdyClient::Open(const Headers& headers) {
  std::string text;
  Put32(text, static_cast<uint32_t>(headers.size()));
  for (const auto& [name, value] : headers)
    for (const std::string& field : {name, value}) {
      Put32(text, static_cast<uint32_t>(field.size()));
      text += field;
    }
  std::string block(text.size() + 256, '\0');
  deflater_.next_in = reinterpret_cast<Bytef*>(text.data());
  deflater_.avail_in = static_cast<uInt>(text.size());
  deflater_.next_out = reinterpret_cast<Bytef*>(block.data());
  deflater_.avail_out = static_cast<uInt>(block.size());
  ::deflate(&deflater_, Z_SYNC_FLUSH);
  block.resize(block.size() - deflater_.avail_out);
  uint32_t id = std::exchange(next_, next_ + 2);
  std::string frame;
  Put32(frame, 0x80030001);
  Put32(frame, static_cast<uint32_t>(10 + block.size()));
  Put32(frame, id);
  Put32(frame, 0);
  SendRaw(frame + std::string(2, '\0') + block);
  return id;
}

void SpdyClient::Send(uint32_t stream, std::string_view bytes, bool end) {
  std::string frame;
  Put32(frame, stream);
  Put32(frame, static_cast<uint32_t>(bytes.size()) | (end ? 1u << 24 : 0));
  frame += bytes;
  SendRaw(frame);
}

void SpdyClient::SendRaw(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) throw std::runtime_error("send: " + std::string(std::strerror(errno)));
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

// False at the end, or when nothing comes.
bool SpdyClient::ReadSome(int patience_millis) {
  pollfd waited{socket_.get(), POLLIN, 0};
  if (closed_ || ::poll(&waited, 1, patience_millis) <= 0) return false;
  static thread_local char buffer[1 << 18];
  ssize_t got = ::read(socket_.get(), buffer, sizeof buffer);
  closed_ = got <= 0;
  if (!closed_) bytes_.append(buffer, static_cast<size_t>(got));
  return !closed_;
}

void SpdyClient::TakeFrames() {
  size_t at = 0;
  while (bytes_.size() - at >= 8) {
    uint32_t first = Get32(bytes_, at), second = Get32(bytes_, at + 4), size = second & 0xffffff;
    if (bytes_.size() - at < 8 + size) break;
    if (first >> 31) {
      uint32_t id = Get32(bytes_, at + 8);
      if ((first & 0xffff) == 2) streams_[id].replied = true;
      if ((first & 0xffff) == 3) streams_[id].reset = true;
    } else {
      if (!streams_[first].replied) throw std::runtime_error("data before the reply");
      streams_[first].data.append(bytes_, at + 8, size);
      if (second >> 24 & 1) streams_[first].ended = true;
    }
    at += 8 + size;
  }
  bytes_.erase(0, at);
}

bool SpdyClient::ReadUntil(const std::function<bool()>& enough, int patience_millis) {
  while (!enough()) {
    if (!ReadSome(patience_millis)) return false;
    TakeFrames();
  }
  return true;
}

bool SpdyClient::ReadToEnd() {
  (void)ReadUntil([] { return false; });
  return closed_;
}

CommandStreams OpenStreams(SpdyClient& client, bool in, bool tty) {
  CommandStreams streams;
  streams.error = client.Open("error");
  if (in) streams.in = client.Open("stdin");
  streams.out = client.Open("stdout");
  if (!tty) streams.err = client.Open("stderr");
  if (tty) streams.resize = client.Open("resize");
  return streams;
}

}  // namespace cradle::test
