#include "base/sys/terminal.h"

#include <sys/ioctl.h>

#include <cerrno>

namespace cradle::sys {

Result<termios> TerminalSettings(FdRef terminal) {
  termios settings{};
  if (::tcgetattr(terminal.get(), &settings) < 0) return Error::FromErrno(errno, "tcgetattr");
  return settings;
}

Result<> SetTerminalSettings(FdRef terminal, const termios& settings) {
  if (::tcsetattr(terminal.get(), TCSADRAIN, &settings) < 0) return Error::FromErrno(errno, "tcsetattr");
  return {};
}

termios Raw(termios settings) {
  ::cfmakeraw(&settings);
  return settings;
}

Result<TerminalSize> SizeOfTerminal(FdRef terminal) {
  winsize size{};
  if (::ioctl(terminal.get(), TIOCGWINSZ, &size) < 0) return Error::FromErrno(errno, "TIOCGWINSZ");
  return TerminalSize{size.ws_col, size.ws_row};
}

}  // namespace cradle::sys
