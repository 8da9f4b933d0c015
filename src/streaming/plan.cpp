#include "streaming/plan.h"

#include "base/wire.h"

namespace cradle::streaming {

std::string SessionPlan::Encode() const {
  wire::Writer w;
  w.U64(1, static_cast<uint64_t>(kind));
  w.U64(2, static_cast<uint64_t>(wire));
  w.Str(3, protocol);
  w.Str(4, answer);
  w.Str(5, leftover);
  w.Bool(6, streams.in);
  w.Bool(7, streams.out);
  w.Bool(8, streams.err);
  w.Bool(9, streams.tty);
  w.Str(10, container);
  w.Sub(11, exec);
  for (uint16_t port : ports) w.U64(12, port);
  w.U64(13, idle_ms);
  return w.Take();
}

Result<SessionPlan> SessionPlan::Decode(std::string_view bytes) {
  SessionPlan p;
  bool in_range = true;
  auto enumerator = [&](uint64_t value) {
    in_range = in_range && value >= 1 && value <= 3;
    return static_cast<uint8_t>(value);
  };
  wire::Reader r(bytes);
  while (r.Next()) switch (r.tag()) {
      case 1: p.kind = static_cast<Kind>(enumerator(r.U64())); break;
      case 2: p.wire = static_cast<Wire>(enumerator(r.U64())); break;
      case 3: p.protocol = r.Str(); break;
      case 4: p.answer = r.Str(); break;
      case 5: p.leftover = r.Str(); break;
      case 6: p.streams.in = r.Bool(); break;
      case 7: p.streams.out = r.Bool(); break;
      case 8: p.streams.err = r.Bool(); break;
      case 9: p.streams.tty = r.Bool(); break;
      case 10: p.container = r.Str(); break;
      case 11: p.exec = r.Str(); break;
      case 12: {
        uint64_t port = r.U64();
        in_range = in_range && port >= 1 && port <= 65535;
        p.ports.push_back(static_cast<uint16_t>(port));
        break;
      }
      case 13: p.idle_ms = r.U64(); break;
    }
  if (!r.ok() || !in_range) return InvalidArgument("malformed session plan");
  return p;
}

}  // namespace cradle::streaming
