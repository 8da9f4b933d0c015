#include "streaming/spdy.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <map>
#include <random>

#include "streaming/spdy_dictionary.h"

namespace cradle::streaming::spdy {
namespace {

std::string Hex(std::string_view bytes) {
  std::string out;
  for (unsigned char byte : bytes) {
    char text[3];
    snprintf(text, sizeof text, "%02X", byte);
    out += text;
  }
  return out;
}

std::string Big(uint32_t value, int bytes = 4) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

// The client's compressing side.
class Deflater {
 public:
  Deflater() {
    deflateInit(&stream_, Z_DEFAULT_COMPRESSION);
    deflateSetDictionary(&stream_, reinterpret_cast<const Bytef*>(kDictionary.data()), kDictionary.size());
  }
  ~Deflater() { deflateEnd(&stream_); }
  std::string Raw(std::string text) {
    std::string out(text.size() + 1024, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(text.data());
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    deflate(&stream_, Z_SYNC_FLUSH);
    out.resize(out.size() - stream_.avail_out);
    return out;
  }
  std::string Block(const Headers& headers) {
    std::string text = Big(static_cast<uint32_t>(headers.size()));
    for (const auto& [name, value] : headers)
      text += Big(static_cast<uint32_t>(name.size())) + name + Big(static_cast<uint32_t>(value.size())) + value;
    return Raw(text);
  }

 private:
  z_stream stream_{};
};

std::string SynStream(uint32_t id, const std::string& block, uint8_t flags = 0) {
  return Big(0x80030001) + Big(flags, 1) + Big(static_cast<uint32_t>(10 + block.size()), 3) + Big(id) + Big(0) +
         std::string(2, '\0') + block;
}
std::string Data(uint32_t id, const std::string& bytes, bool fin = false) {
  return Big(id) + Big(fin, 1) + Big(static_cast<uint32_t>(bytes.size()), 3) + bytes;
}

// What a parser tells, as text; data of one stream joined.
class Told final : public Handler {
 public:
  void OnStream(uint32_t id, const Headers& headers) override {
    text += "open " + std::to_string(id);
    for (const auto& [name, value] : headers) text += " " + name + "=" + value;
    text += "\n";
  }
  void OnData(uint32_t id, std::string_view bytes, bool fin) override {
    data[id] += bytes;
    if (fin) text += "end " + std::to_string(id) + "\n";
  }
  void OnReset(uint32_t id) override { text += "reset " + std::to_string(id) + "\n"; }
  void OnPing(uint32_t id) override { text += "ping " + std::to_string(id) + "\n"; }
  std::string text;
  std::map<uint32_t, std::string> data;
};

std::string Session() {
  Deflater deflater;
  std::string out = SynStream(1, deflater.Block({{"streamtype", "error"}}));
  out += SynStream(3, deflater.Block({{"streamtype", "stdin"}, {"x", ""}}));
  out += Data(3, "hello") + Data(3, "") + Big(0x80030006) + Big(4) + Big(7);
  out += SynStream(5, deflater.Block({{"streamtype", "stdout"}}), 1);
  out += Data(3, " world", true) + Big(0x80030003) + Big(8) + Big(5) + Big(5);
  return out + Big(0x80030004) + Big(12) + Big(1) + Big(4) + Big(100) + Big(0x80030007) + Big(8) + Big(5) + Big(0);
}
constexpr char kTold[] =
    "open 1 streamtype=error\nopen 3 streamtype=stdin x=\nping 7\nopen 5 streamtype=stdout\nend 5\nend 3\nreset 5\n";

TEST(SpdyDictionary, IsTheProtocols) {
  EXPECT_EQ(adler32(1, reinterpret_cast<const Bytef*>(kDictionary.data()), kDictionary.size()), 0xe3c6a7c2u);
}

TEST(SpdyFrames, AreTheKnownBytes) {
  EXPECT_EQ(Hex(SynReply(1, true)), "800300020000001800000001"
                                    "78F9E3C6A7C2000400FBFF00000000000000FFFF");
  EXPECT_EQ(Hex(SynReply(3, false)), "800300020000001200000003"
                                     "000400FBFF00000000000000FFFF");
  EXPECT_EQ(Hex(DataHead(5, 0x1234, true)), "0000000501001234");
  EXPECT_EQ(Hex(Ping(7)), "800300060000000400000007");
  EXPECT_EQ(Hex(Reset(3, kRefused)), "80030003000000080000000300000003");
  EXPECT_EQ(Hex(GoAway(9)), "80030007000000080000000900000000");
}

TEST(SpdyFrames, RepliesAreEmptyHeaderBlocksOfOneZlibStream) {
  Inflater inflater;
  for (bool first : {true, false, false}) {
    auto headers = inflater.Read(std::string_view(SynReply(1, first)).substr(12));
    ASSERT_TRUE(headers.ok()) << headers.error().text();
    EXPECT_TRUE(headers->empty());
  }
}

TEST(SpdyParser, ReadsASession) {
  Told told;
  Parser parser(told);
  ASSERT_TRUE(parser.Feed(Session()).ok());
  EXPECT_EQ(told.text, kTold);
  EXPECT_EQ(told.data[3], "hello world");
}

TEST(SpdyParser, DoesNotCareHowTheBytesAreCut) {
  const std::string session = Session();
  for (size_t step : {1, 2, 3, 7, 8, 9, 31}) {
    Told told;
    Parser parser(told);
    for (size_t at = 0; at < session.size(); at += step) ASSERT_TRUE(parser.Feed(session.substr(at, step)).ok());
    EXPECT_EQ(told.text, kTold) << step;
    EXPECT_EQ(told.data[3], "hello world") << step;
  }
}

struct Bad {
  const char* what;
  std::string bytes;
};

TEST(SpdyParser, RefusesWhatIsNotTheProtocol) {
  Deflater deflater;
  auto block = deflater.Block({{"streamtype", "error"}});
  std::string twice = SynStream(1, block);
  twice += SynStream(1, deflater.Block({}));
  Headers many(kMaxHeaders + 1, {"a", "b"});
  const Bad all[] = {
      {"version", Big(0x80020006) + Big(4) + Big(1)},
      {"stream 0", Data(0, "x")},
      {"large control frame", Big(0x80030006) + Big(kMaxControl + 1)},
      {"short ping", Big(0x80030006) + Big(3) + "abc"},
      {"short reset", Big(0x80030003) + Big(4) + Big(1)},
      {"short stream", Big(0x80030001) + Big(4) + Big(1)},
      {"settings that claim too many", Big(0x80030004) + Big(12) + Big(0x10000000) + Big(4) + Big(100)},
      {"even stream", SynStream(2, block)},
      {"number twice", twice},
      {"no zlib", SynStream(1, "no zlib at all")},
      {"too many headers", SynStream(1, Deflater().Block(many))},
      {"header too long", SynStream(1, Deflater().Block({{"a", std::string(kMaxField + 1, 'x')}}))},
      {"count beyond the block", SynStream(1, Deflater().Raw(Big(3)))},
      {"length beyond the block", SynStream(1, Deflater().Raw(Big(1) + Big(0xffffffff) + "a"))},
      {"bomb", SynStream(1, Deflater().Raw(std::string(1 << 20, '\0')).substr(0, 1100))},
  };
  for (const Bad& bad : all) {
    Told told;
    Parser parser(told);
    EXPECT_FALSE(parser.Feed(bad.bytes).ok()) << bad.what;
  }
}

TEST(SpdyParser, SurvivesGarbageAndDamage) {
  std::mt19937 random(1);
  const std::string session = Session();
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = session;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (round % 4 == 0) bytes.resize(random() % bytes.size());
    Told told;
    Parser parser(told);
    (void)parser.Feed(bytes);
    for (const auto& [id, data] : told.data) ASSERT_LE(data.size(), bytes.size());
  }
}

}  // namespace
}  // namespace cradle::streaming::spdy
