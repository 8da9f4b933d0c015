// toml++, with exceptions: for programs that have them throughout, since the two kinds don't mix in one. Its assertions (of
// builds without NDEBUG) are about the document, so they are off: a malformed one is an error, not the end.
#pragma once

#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>
