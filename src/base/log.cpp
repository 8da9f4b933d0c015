#include "base/log.h"

#include <atomic>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sys/file.h"

namespace cradle::log {
namespace {

std::atomic<Level> g_level{Level::kInfo};

constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};

}  // namespace

void SetLevel(Level level) { g_level = level; }

bool ParseLevel(std::string_view name, Level& level) {
  for (int i = 0; i < 4; ++i) {
    if (kNames[i] != name) continue;
    level = static_cast<Level>(i);
    return true;
  }
  return false;
}

void Write(Level level, std::string_view text) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  std::string line;
  line.reserve(text.size() + 48);
  AppendRfc3339Nano(WallNanos(), line);
  line.push_back(' ');
  line.append(kNames[static_cast<int>(level)]);
  line.push_back(' ');
  // What a container or an image chose may be in the text: no control byte reaches the terminal.
  for (char c : text) line.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c);
  line.push_back('\n');
  (void)sys::WriteAll(FdRef(2), line.data(), line.size());
}

}  // namespace cradle::log
