#include "streaming/websocket.h"

#include <gtest/gtest.h>

#include <random>

namespace cradle::streaming::websocket {
namespace {

std::string Frame(uint8_t first, const std::string& payload, const std::string& mask = "\x12\x34\x56\x78") {
  std::string out(1, static_cast<char>(first));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() <= 0xffff) {
    out += {static_cast<char>(0xfe), static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size())};
  } else {
    out.push_back(static_cast<char>(0xff));
    for (int i = 7; i >= 0; --i) out.push_back(static_cast<char>(payload.size() >> (8 * i)));
  }
  out += mask;
  for (size_t i = 0; i < payload.size(); ++i) out.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
  return out;
}

class Told final : public Handler {
 public:
  void OnMessage(Opcode opcode, std::string_view piece, bool first, bool last) override {
    if (first) {
      EXPECT_TRUE(message.empty());
      EXPECT_FALSE(open);
    }
    open = !last;
    message += piece;
    if (!last) return;
    text += opcode == Opcode::kText ? "text " : "binary ";
    text += std::to_string(message.size()) + ":" + message.substr(0, 10) + "\n";
    message.clear();
  }
  void OnPing(std::string_view payload) override { text += "ping " + std::string(payload) + "\n"; }
  void OnClose() override { text += "close\n"; }
  bool open = false;
  std::string message, text;
};

std::string Session() {
  return Frame(0x82, "hello") + Frame(0x02, "a") + Frame(0x89, "are you there") + Frame(0x00, "") + Frame(0x80, "bc") +
         Frame(0x81, std::string(200, 't')) + Frame(0x82, "") + Frame(0x82, std::string(70000, 'l')) +
         Frame(0x8a, "a pong") + Frame(0x88, "\x03\xe8");
}
constexpr char kTold[] =
    "binary 5:hello\nping are you there\nbinary 3:abc\ntext 200:tttttttttt\nbinary 0:\nbinary 70000:llllllllll\nclose\n";

TEST(WebSocketParser, ReadsMessagesHoweverTheyAreCut) {
  for (size_t step : {1ul, 2ul, 3ul, 5ul, 13ul, 4096ul, 1ul << 20}) {
    std::string session = Session();
    Told told;
    Parser parser(told);
    for (size_t at = 0; at < session.size(); at += step)
      ASSERT_TRUE(parser.Feed(session.data() + at, std::min(step, session.size() - at)).ok());
    EXPECT_EQ(told.text, kTold) << step;
  }
}

TEST(WebSocketParser, RefusesWhatIsNotTheProtocol) {
  std::string unmasked = "\x82\x05hello";
  const std::pair<const char*, std::string> all[] = {
      {"unmasked", unmasked},
      {"extension", Frame(0xc2, "x")},
      {"unknown opcode", Frame(0x83, "x")},
      {"fragmented control", Frame(0x09, "x")},
      {"long control", Frame(0x89, std::string(126, 'x'))},
      {"continuation of nothing", Frame(0x80, "x")},
      {"message inside another", Frame(0x02, "x") + Frame(0x82, "y")},
      {"absurd length", std::string("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10) + "mask"},
  };
  for (auto [what, bytes] : all) {
    Told told;
    Parser parser(told);
    EXPECT_FALSE(parser.Feed(bytes.data(), bytes.size()).ok()) << what;
  }
}

TEST(WebSocketParser, SurvivesDamage) {
  std::mt19937 random(2);
  const std::string session = Session();
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = session.substr(0, 600);
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    Told told;
    Parser parser(told);
    (void)parser.Feed(bytes.data(), bytes.size());
    ASSERT_LE(told.message.size(), bytes.size());
  }
}

TEST(WebSocketHead, HasTheShortestLength) {
  EXPECT_EQ(Head(Opcode::kBinary, 5), "\x82\x05");
  EXPECT_EQ(Head(Opcode::kBinary, 125), "\x82\x7d");
  EXPECT_EQ(Head(Opcode::kText, 126), std::string("\x81\x7e\x00\x7e", 4));
  EXPECT_EQ(Head(Opcode::kBinary, 65536), std::string("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
  EXPECT_EQ(Close(kNormal), "\x88\x02\x03\xe8");
}

}  // namespace
}  // namespace cradle::streaming::websocket
