// The log of a program: one line per event on standard error, "time level text". Called at the edges only (cri, daemon,
// shim main, ctl); libraries return errors. Any thread. A line is one write(2), so lines never mix.
#pragma once

#include <string_view>

namespace cradle::log {

enum class Level { kDebug, kInfo, kWarning, kError };

void SetLevel(Level level);
// "debug", "info", "warning", "error"; false for anything else.
bool ParseLevel(std::string_view name, Level& level);

void Write(Level level, std::string_view text);
inline void Debug(std::string_view text) { Write(Level::kDebug, text); }
inline void Info(std::string_view text) { Write(Level::kInfo, text); }
inline void Warning(std::string_view text) { Write(Level::kWarning, text); }
inline void Fail(std::string_view text) { Write(Level::kError, text); }

}  // namespace cradle::log
