#include "cni/plugin.h"

#include "base/program.h"
#include "cni/json.h"
#include "cni/result.h"

namespace cradle::cni {
namespace {

constexpr int kTryAgainLater = 11;

Error Describe(const sys::Exit& exit, const std::string& output) {
  int code = 0;
  std::string said = ParsePluginError(output, code);
  if (said.empty())
    said = exit.signal ? Cat("killed by signal ", std::to_string(exit.signal))
                       : Cat("exited with ", std::to_string(exit.code));
  return {code == kTryAgainLater ? Code::kUnavailable : Code::kInternal, said};
}

}  // namespace

Result<std::string> RunPlugin(const PluginRun& run, Deadline deadline) {
  ProgramEnd end = RunProgram({run.program, {run.program}, run.env, run.input}, deadline);
  if (end.exit.ok() && end.exit->code == 0 && end.exit->signal == 0) return std::move(end.output);
  Error error = end.exit.ok() ? Describe(*end.exit, end.output) : std::move(end.exit.error());
  std::string errors = Printable(end.errors);
  if (!errors.empty()) error = Error(error.code(), Cat(error.text(), "; it said: ", errors));
  return std::move(error).With(run.name);
}

}  // namespace cradle::cni
