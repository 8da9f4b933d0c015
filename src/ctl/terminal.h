// Where the output goes: to a person's terminal, or into a pipe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cradle::ctl {

// Columns of the terminal at standard output; 0 when it isn't one.
size_t TerminalWidth();
bool ErrorIsTerminal();
// To standard output or standard error, at once and whole.
void Print(std::string_view text);
void PrintError(std::string_view text);

}  // namespace cradle::ctl
