// WebSocket's framer: whatever the pieces, the same is told; an error ends it.
#include "streaming/websocket.h"

#include "fuzz.h"

namespace cradle {
namespace {

namespace websocket = streaming::websocket;

class Told final : public websocket::Handler {
 public:
  void OnMessage(websocket::Opcode opcode, std::string_view piece, bool first, bool last) override {
    fuzz::Require(opcode == websocket::Opcode::kText || opcode == websocket::Opcode::kBinary);
    fuzz::Require(first != in_message_ && (last || !piece.empty()));
    in_message_ = !last;
    if (first) said += opcode == websocket::Opcode::kText ? "text " : "binary ";
    said.append(piece);
    if (last) said += "\n";
  }
  void OnPing(std::string_view payload) override {
    fuzz::Require(payload.size() <= 125);
    events += Cat("ping ", payload, "\n");
  }
  void OnClose() override { events += "close\n"; }

  std::string said, events;  // control frames come between a message's pieces

 private:
  bool in_message_ = false;
};

Told Parse(std::string_view input, size_t pieces) {
  Told told;
  websocket::Parser parser(told);
  fuzz::InPieces(input, pieces, [&](std::string_view piece) {
    std::string copy(piece);  // it is unmasked in place
    auto fed = parser.Feed(copy.data(), copy.size());
    if (!fed.ok()) told.events += fed.error().text();
    return fed.ok();
  });
  return told;
}

}  // namespace
}  // namespace cradle

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  uint8_t pieces = fuzz::TakeByte(input);
  Told whole = Parse(input, 0), cut = Parse(input, pieces);
  fuzz::Require(whole.said == cut.said && whole.events == cut.events);
  return 0;
}
