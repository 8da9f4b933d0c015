#include "daemon/options.h"

#include <getopt.h>

namespace cradle::daemon {

const char kUsage[] =
    "usage: cradled [--config FILE] [--listen unix:///run/cradle/cradle.sock] [--root /var/lib/cradle]\n"
    "               [--state /run/cradle] [--log-level debug|info|warning|error]\n"
    "       cradled --check-config | --print-config | --version | --help\n"
    "\n"
    "The configuration is /etc/cradle/config.toml and /etc/cradle/config.toml.d/*.toml; flags win over it.\n"
    "SIGTERM ends the daemon; pods go on running.\n";

Result<Options> Options::Parse(int argc, char** argv) {
  enum { kConfig = 256, kListen, kRoot, kState, kLogLevel, kCheck, kPrint, kHelp, kVersion };
  static const option kOptions[] = {
      {"config", required_argument, nullptr, kConfig}, {"listen", required_argument, nullptr, kListen},
      {"root", required_argument, nullptr, kRoot},     {"state", required_argument, nullptr, kState},
      {"log-level", required_argument, nullptr, kLogLevel},
      {"check-config", no_argument, nullptr, kCheck},  {"print-config", no_argument, nullptr, kPrint},
      {"help", no_argument, nullptr, kHelp},           {"version", no_argument, nullptr, kVersion},
      {nullptr, 0, nullptr, 0}};
  Options options;
  opterr = 0;
  optind = 0;  // starts over, whoever parsed before
  for (int given; (given = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (given) {
      case kConfig: options.config_file = optarg; break;
      case kListen: options.listen = optarg; break;
      case kRoot: options.root = optarg; break;
      case kState: options.state = optarg; break;
      case kLogLevel: options.log_level = optarg; break;
      case kCheck: options.check_config = true; break;
      case kPrint: options.print_config = true; break;
      case kHelp: options.help = true; break;
      case kVersion: options.version = true; break;
      default: return InvalidArgument(Cat("unknown or incomplete option ", argv[optind - 1]));
    }
  }
  if (optind < argc) return InvalidArgument(Cat("unexpected argument ", argv[optind]));
  return options;
}

Result<config::Config> Options::Load() const {
  config::Config config;
  TRYV(config::ReadConfig(config_file.value_or(config::kConfigFile), config_file.has_value(), config));
  if (listen) config.listen = *listen;
  if (root) config.root = *root;
  if (state) config.state = *state;
  if (log_level) config.log_level = *log_level;
  TRYV(config::CheckConfig(config));
  return config;
}

}  // namespace cradle::daemon
