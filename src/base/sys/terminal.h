// Terminals as their users see them: settings, raw mode, size (termios(3), ioctl_tty(2)).
#pragma once

#include <termios.h>

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

// Fails (ENOTTY) when it is no terminal.
Result<termios> TerminalSettings(FdRef terminal);
Result<> SetTerminalSettings(FdRef terminal, const termios& settings);
// The same settings in raw mode: every byte as it is typed, nothing echoed, nothing interpreted.
termios Raw(termios settings);

struct TerminalSize {
  uint16_t width = 0, height = 0;
};
Result<TerminalSize> SizeOfTerminal(FdRef terminal);

}  // namespace cradle::sys
