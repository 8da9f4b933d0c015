#include <csignal>
#include <cstring>

#include "cri/convert_container.h"

namespace cradle::cri {
namespace pb = ::runtime::v1;
namespace {

constexpr std::string_view kPrefix = "SIGNAL_";
constexpr int kRealTimeMin = 34;  // glibc keeps 32 and 33 for itself
constexpr int kRealTimeSpan =
    30;  // SIGRTMAX - SIGRTMIN; the CRI's values run through, its names don't

std::string_view Unaliased(std::string_view name) {
  if (name == "SIGCLD") return "SIGCHLD";
  if (name == "SIGIOT") return "SIGABRT";
  if (name == "SIGPOLL") return "SIGIO";
  return name;
}

pb::Signal Parsed(const std::string& name) {
  pb::Signal signal = pb::SIGNAL_RUNTIME_DEFAULT;
  pb::Signal_Parse(Cat(kPrefix, name), &signal);
  return signal;
}

}  // namespace

std::string SignalNameFrom(pb::Signal signal) {
  if (signal == pb::SIGNAL_RUNTIME_DEFAULT) return "";
  if (signal >= pb::SIGNAL_SIGRTMIN) {
    int above = signal - pb::SIGNAL_SIGRTMIN;
    return above == 0 ? "SIGRTMIN" : Cat("SIGRTMIN+", std::to_string(above));
  }
  std::string_view name = pb::Signal_Name(signal);
  return std::string(Unaliased(name.substr(kPrefix.size())));
}

pb::Signal SignalFrom(int number) {
  int above = number - kRealTimeMin;
  if (above >= 0 && above <= kRealTimeSpan) {
    return static_cast<pb::Signal>(pb::SIGNAL_SIGRTMIN + above);
  }
  if (number == SIGIO) return pb::SIGNAL_SIGIO;
  const char* name = sigabbrev_np(number);
  return name == nullptr ? pb::SIGNAL_RUNTIME_DEFAULT : Parsed(Cat("SIG", name));
}

}  // namespace cradle::cri
