// CrashPoint("run_pod.network"): a named place between two steps, for tests. In a build with CRADLE_CRASH_POINTS three
// environment variables work there:
//   CRADLE_CRASH_AT=name     the process kills itself at that place
//   CRADLE_FAIL_AT=name      an error is returned there
//   CRADLE_CRASH_TRACE=file  every place that is passed is appended to the file, a name a line: so a test that walks
//                            all of them learns which there are
// In any other build it is nothing.
#pragma once

#include <string_view>

#include "base/result.h"

namespace cradle {

#ifdef CRADLE_CRASH_POINTS
Result<> CrashPoint(std::string_view name);
#else
inline Result<> CrashPoint(std::string_view) { return {}; }
#endif

}  // namespace cradle
