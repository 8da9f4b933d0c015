#include <signal.h>

#include <array>
#include <charconv>

#include "container/build_plan.h"

namespace cradle::container {
namespace {

struct Named {
  std::string_view name;
  int number;
};
// Synonyms come after the name that SignalName gives.
constexpr std::array kSignals = {
    Named{"HUP", SIGHUP},     Named{"INT", SIGINT},       Named{"QUIT", SIGQUIT}, Named{"ILL", SIGILL},
    Named{"TRAP", SIGTRAP},   Named{"ABRT", SIGABRT},     Named{"BUS", SIGBUS},   Named{"FPE", SIGFPE},
    Named{"KILL", SIGKILL},   Named{"USR1", SIGUSR1},     Named{"SEGV", SIGSEGV}, Named{"USR2", SIGUSR2},
    Named{"PIPE", SIGPIPE},   Named{"ALRM", SIGALRM},     Named{"TERM", SIGTERM}, Named{"STKFLT", SIGSTKFLT},
    Named{"CHLD", SIGCHLD},   Named{"CONT", SIGCONT},     Named{"STOP", SIGSTOP}, Named{"TSTP", SIGTSTP},
    Named{"TTIN", SIGTTIN},   Named{"TTOU", SIGTTOU},     Named{"URG", SIGURG},   Named{"XCPU", SIGXCPU},
    Named{"XFSZ", SIGXFSZ},   Named{"VTALRM", SIGVTALRM}, Named{"PROF", SIGPROF}, Named{"WINCH", SIGWINCH},
    Named{"IO", SIGIO},       Named{"PWR", SIGPWR},       Named{"SYS", SIGSYS},   Named{"IOT", SIGABRT},
    Named{"CLD", SIGCHLD},    Named{"POLL", SIGIO},
};
// The kernel's numbers. glibc keeps 32 and 33 to itself, so its SIGRTMIN is 34: that is what names count from.
constexpr int kRtMin = 34;
constexpr int kRtMax = 64;

std::optional<int> ParseNumber(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "RTMIN", "RTMIN+3", "RTMAX-14".
std::optional<int> ParseRealTime(std::string_view name) {
  const bool from_min = name.starts_with("RTMIN");
  if (!from_min && !name.starts_with("RTMAX")) return std::nullopt;
  name.remove_prefix(5);
  const int base = from_min ? kRtMin : kRtMax;
  if (name.empty()) return base;
  if (name.front() != (from_min ? '+' : '-')) return std::nullopt;
  const auto distance = ParseNumber(name.substr(1));
  if (!distance || *distance < 0 || *distance > kRtMax - kRtMin) return std::nullopt;
  return from_min ? base + *distance : base - *distance;
}

std::optional<int> ParseSignal(std::string_view text) {
  if (const auto number = ParseNumber(text)) {
    if (*number < 1 || *number > kRtMax) return std::nullopt;
    return number;
  }
  std::string upper;
  for (const char c : text) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::string_view name = upper;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (const Named& signal : kSignals)
    if (signal.name == name) return signal.number;
  return ParseRealTime(name);
}

}  // namespace

Result<int> StopSignal(const ContainerSpec& spec, const image::ImageConfig& image) {
  const bool asked = !spec.stop_signal.empty();
  const std::string& text = asked ? spec.stop_signal : image.stop_signal;
  if (text.empty()) return SIGTERM;
  if (const auto signal = ParseSignal(text)) return *signal;
  return InvalidArgument(Cat(asked ? "stop_signal \"" : "the image's StopSignal \"", text.substr(0, 64),
                             "\" is no signal"));
}

std::string SignalName(int signal) {
  for (const Named& known : kSignals)
    if (known.number == signal) return Cat("SIG", known.name);
  if (signal < kRtMin || signal > kRtMax) return std::to_string(signal);
  if (signal == kRtMin) return "SIGRTMIN";
  if (signal == kRtMax) return "SIGRTMAX";
  const int middle = (kRtMin + kRtMax) / 2;
  if (signal <= middle) return Cat("SIGRTMIN+", std::to_string(signal - kRtMin));
  return Cat("SIGRTMAX-", std::to_string(kRtMax - signal));
}

}  // namespace cradle::container
