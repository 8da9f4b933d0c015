// cradled: options, ground, the parts, recovery, the server; then it waits for signals.
#include <fcntl.h>
#include <malloc.h>
#include <sys/signalfd.h>

#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "cgroups/cgroups.h"
#include "cni/network.h"
#include "config/images.h"
#include "container/apparmor.h"
#include "cri/server.h"
#include "daemon/options.h"
#include "daemon/preflight.h"
#include "daemon/version.h"
#include "image/store.h"
#include "sandbox/runtime.h"
#include "streaming/server.h"

namespace cradle::daemon {
namespace {

using config::Config;

constexpr milliseconds kDrain{10'000};  // running calls at SIGTERM

struct Parts {
  std::unique_ptr<cgroups::Cgroups> groups;
  std::unique_ptr<cni::Network> network;
  std::unique_ptr<image::ImageStore> images;
  std::unique_ptr<sandbox::Runtime> runtime;
  std::unique_ptr<streaming::Server> streaming;  // ends first: it hands clients to the runtime
};

std::map<std::string, sandbox::Handler> HandlersFrom(const Config& config) {
  bool fuse = sys::OpenAt(kCwd, "/dev/fuse", O_RDWR).ok();
  if (!fuse && config.views_proc != "off") log::Warning("no /dev/fuse: containers see the host's figures in /proc");
  auto views = [&](const std::string& proc) {
    if (!fuse || proc == "off") return container::Views::kOff;
    return proc == "all" ? container::Views::kAll : container::Views::kLimited;
  };
  std::map<std::string, sandbox::Handler> handlers = {{"", {views(config.views_proc)}}};
  for (const auto& [name, handler] : config.handlers)
    handlers[name].views = views(handler.proc_views.empty() ? config.views_proc : handler.proc_views);
  return handlers;
}

Result<Parts> BuildParts(const Config& config, const Programs& programs) {
  Parts parts;
  cgroups::Options groups;
  if (config.cgroup_driver == "systemd") groups.driver = cgroups::Driver::kSystemd;
  if (config.cgroup_driver == "cgroupfs") groups.driver = cgroups::Driver::kCgroupfs;
  groups.holder_program = programs.pause;
  parts.groups = TRY(cgroups::Cgroups::Detect(groups).With("cgroups"));

  cni::Config network;
  network.conf_dir = config.cni_conf_dir;
  network.bin_dirs = config.cni_bin_dirs;
  network.record_dir = config.root + "/network";
  parts.network = TRY(cni::Network::Open(std::move(network)).With("network"));

  image::StoreConfig images = config::ImagesFrom(config);
  images.unpack_program = programs.unpack;
  parts.images = TRY(image::ImageStore::Open(images).With("images"));
  for (const std::string& warning : parts.images->warnings()) log::Warning(Cat("images: ", warning));

  sandbox::Config runtime;
  runtime.root = config.root;
  runtime.state = config.state;
  runtime.shim_program = programs.shim;
  runtime.max_parallel_starts = static_cast<int>(config.runtime_parallel_starts);
  runtime.defaults.env = config.runtime_default_env;
  for (const std::string& limit : config.runtime_default_ulimits)
    runtime.defaults.rlimits.push_back(TRY(container::ParseRlimit(limit)));
  runtime.defaults.timezone_file = TRY(container::FindTimezone(config.runtime_timezone).With("runtime"));
  runtime.cdi = {config.cdi_spec_dirs, config.cdi_hooks};
  runtime.devices_to_user = config.runtime_device_ownership;
  runtime.handlers = HandlersFrom(config);
  parts.runtime = TRY(
      sandbox::Runtime::Start(std::move(runtime), *parts.images, *parts.network, *parts.groups).With("runtime"));

  streaming::ServerConfig streaming;
  streaming.address = config.streaming_address;
  streaming.port = static_cast<uint16_t>(config.streaming_port);
  streaming.idle = seconds(config.streaming_idle_seconds);
  streaming.tls = {config.streaming_tls_cert, config.streaming_tls_key, config.streaming_tls_client_ca};
  parts.streaming = TRY(streaming::Server::Start(std::move(streaming)));
  return parts;
}

cri::NodeInfo DescribeNode(const Config& config, const cgroups::Cgroups& groups, const sandbox::Runtime& runtime) {
  cri::NodeInfo node;
  node.version = kVersion;
  node.driver = groups.driver();
  for (const auto& [name, handler] : config.handlers) node.handlers.insert(name);
  node.facts = {{"listen", config.listen},
                {"root", config.root},
                {"state", config.state},
                {"logs", config.root + "/logs"},
                {"cgroups", groups.Describe()},
                {"cni.conf_dir", config.cni_conf_dir},
                {"registry.config_path", config.registry_config_path}};
  auto users = runtime.UserNamespaces();
  node.facts["user namespaces"] = users.ok() ? "yes" : Cat("no: ", users.error().text());
  if (auto kernel = sys::ReadFile(kCwd, "/proc/sys/kernel/osrelease", 256); kernel.ok())
    node.facts["kernel"] = kernel->substr(0, kernel->find('\n'));
  if (container::KernelHasAppArmor() && container::AppArmorParser().empty())
    node.apparmor = FailedPrecondition(
        "the kernel has AppArmor, but there is no apparmor_parser: containers run without a default profile");
  return node;
}

// Until SIGTERM or SIGINT. Children of the dead are reaped on the way.
Result<> WaitForEnd(FdRef signals, const sandbox::Runtime& runtime) {
  for (;;) {
    TRY(sys::PollReadable(signals, After(milliseconds(1'000'000'000))));
    signalfd_siginfo told{};
    auto got = sys::Read(signals, &told, sizeof told);
    if (!got.ok()) continue;
    if (told.ssi_signo == SIGTERM || told.ssi_signo == SIGINT) return {};
    if (told.ssi_signo == SIGCHLD) sys::ReapStrangers([&](pid_t pid) { return runtime.Awaits(pid); });
  }
}

Result<> Serve(const Config& config) {
  UniqueFd signals = TRY(sys::BlockAndSignalfd({SIGTERM, SIGINT, SIGCHLD, SIGHUP}));
  sys::IgnoreSignal(SIGPIPE);
  sys::Umask(022);
  Programs programs = TRY(FindPrograms());
  Ground ground = TRY(PrepareGround(config));
  Parts parts = TRY(BuildParts(config, programs));
  cri::Backend backend{*parts.runtime, *parts.images, *parts.network, *parts.streaming,
                       DescribeNode(config, *parts.groups, *parts.runtime)};
  if (!backend.node.apparmor.ok()) log::Warning(backend.node.apparmor.error().text());
  auto server = TRY(cri::Server::Start(config.socket_path(), std::move(backend)));
  log::Info(Cat("cradled ", kVersion, " serves ", config.listen, " (root ", config.root, ", state ", config.state,
                ", cgroups ", parts.groups->Describe(), ")"));
  Result<> ended = WaitForEnd(signals, *parts.runtime);
  log::Info("ending; pods go on running");
  server->Shutdown(After(kDrain));
  // Work that outlives its call (a plugin that hangs, a slow disk) is what recovery is for: it isn't waited for.
  if (!parts.runtime->Drain(After(kDrain))) sys::ExitNow(0);
  return ended;
}

int Main(int argc, char** argv) {
  auto options = Options::Parse(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "cradled: %s\n%s", options.error().text().c_str(), kUsage);
    return 2;
  }
  if (options->help || options->version) {
    std::fputs(options->help ? kUsage : Cat("cradled ", kVersion, "\n").c_str(), stdout);
    return 0;
  }
  auto config = options->Load();
  if (!config.ok()) {
    std::fprintf(stderr, "cradled: %s\n", config.error().text().c_str());
    return 2;
  }
  if (options->print_config) std::fputs(config::FormatConfig(*config).c_str(), stdout);
  if (options->print_config || options->check_config) return 0;

  log::Level level{};
  log::ParseLevel(config->log_level, level);
  log::SetLevel(level);
  // Two arenas and early trimming: many short-lived threads must not leave a heap each behind.
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_TRIM_THRESHOLD, 128 * 1024);
  if (auto served = Serve(*config); !served.ok()) {
    log::Fail(served.error().text());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace cradle::daemon

int main(int argc, char** argv) { return cradle::daemon::Main(argc, argv); }
