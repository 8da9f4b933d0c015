#include "ctl/terminal.h"

#include <unistd.h>

#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::ctl {

size_t TerminalWidth() { return sys::TerminalColumns(FdRef(STDOUT_FILENO)); }

bool ErrorIsTerminal() { return sys::TerminalColumns(FdRef(STDERR_FILENO)) != 0; }

// A reader that has gone is its own business: nothing to tell and nobody to tell it.
void Print(std::string_view text) {
  (void)sys::WriteAll(FdRef(STDOUT_FILENO), text.data(), text.size());
}

void PrintError(std::string_view text) {
  (void)sys::WriteAll(FdRef(STDERR_FILENO), text.data(), text.size());
}

}  // namespace cradle::ctl
