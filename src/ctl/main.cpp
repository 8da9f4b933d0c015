// cradlectl: the command line. The only file that knows CLI11.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/sys/process.h"
#include "ctl/client.h"
#include "ctl/image_access.h"
#include "ctl/terminal.h"
#include "ctl/verbs.h"

namespace cradle::ctl {
namespace {

constexpr char kDefaultAddress[] = "unix:///run/cradle/cradle.sock";
using Verb = std::function<Result<int>(Client&)>;
using ImageVerb = std::function<Result<int>(ImageAccess&)>;

// Options live here while CLI11 fills them; the chosen verb is left in `verb`.
class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1);
    app_.option_defaults()->always_capture_default(false);
    app_.add_option("-a,--address", address_,
                    "cradled's socket (default " + std::string(kDefaultAddress) + ")")
        ->envname("CRADLE_ADDRESS");
    AddRun();
    AddLists();
    AddImages();
    AddContainerVerbs();
    AddNodeVerbs();
  }

  int Main(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (auto rest = app_.remaining(); !rest.empty() && app_.get_subcommands().empty()) {
        PrintError(Cat("cradlectl: there is no verb \"", rest[0], "\": cradlectl --help shows them all\n"));
        return 2;
      }
      return app_.exit(error) == 0 ? 0 : 2;
    }
    auto exit_code = Perform();
    if (exit_code.ok()) return *exit_code;
    PrintError(Cat("cradlectl: ", exit_code.error().text(), "\n"));
    return 1;
  }

 private:
  Result<int> Perform() {
    DropMark(run_.command);
    DropMark(exec_.command);
    // Before gRPC makes threads: they must not take the signals.
    if (follows_run_) signals_ = TRY(sys::BlockAndSignalfd({SIGINT, SIGTERM}));
    if (streams_) signals_ = TRY(sys::BlockAndSignalfd({SIGINT, SIGTERM, SIGHUP, SIGWINCH}));
    if (!offline_.root.empty()) {
      for (std::string* path : {&offline_.root, &offline_.registry_config, &offline_.credentials})
        if (!path->empty()) *path = Absolute(*path);
      auto images = TRY(OfflineImages(offline_));
      return image_verb_(*images);
    }
    Client client = TRY(Client::Connect(address_));
    return image_verb_ ? image_verb_(*ImagesOf(client)) : verb_(client);
  }

  CLI::App* Add(const char* name, const char* help, Verb verb, CLI::App* parent = nullptr) {
    CLI::App* command = (parent == nullptr ? &app_ : parent)->add_subcommand(name, help);
    command->callback([this, verb] { verb_ = verb; });
    return command;
  }
  void AddFormat(CLI::App* command, Format& format) {
    static const std::map<std::string, Format> kFormats = {{"table", Format::kTable},
                                                           {"wide", Format::kWide},
                                                           {"json", Format::kJson},
                                                           {"yaml", Format::kYaml}};
    command->add_option("-o,--output", format, "table, wide, json or yaml")
        ->transform(CLI::CheckedTransformer(kFormats));
  }
  // The "--" of `run IMAGE -- COMMAND`, which CLI11 hands on.
  static void DropMark(std::vector<std::string>& words) {
    if (!words.empty() && words.front() == "--") words.erase(words.begin());
  }
  // Everything after the first of `words` belongs to the command in the container, options too.
  static void AddCommand(CLI::App* command, std::vector<std::string>& words, bool required) {
    command->positionals_at_end();
    auto* option = command->add_option("command", words, "the command and its arguments");
    if (required) option->required();
  }

  void AddRun() {
    auto* command = Add("run", "Run a container in a pod of its own",
                        [this](Client& c) { return Run(c, run_, signals_); });
    command->add_option("--name", run_.name, "name of the pod and the container");
    command->add_option("-e,--env", run_.env, "NAME=VALUE, or NAME as it is here")
        ->allow_extra_args(false);
    command->add_option("-v,--mount", run_.mounts, "HOST:CONTAINER[:ro]")->allow_extra_args(false);
    command->add_option("-m,--memory", run_.memory, "memory limit, such as 64Mi");
    command->add_option("--cpus", run_.cpus, "CPU limit, such as 0.5 or 500m");
    command->add_option("-u,--user", run_.user, "NAME or UID[:GID]");
    command->add_option("-w,--workdir", run_.working_dir, "working directory");
    command->add_flag("--host-network", run_.host_network, "on the node's network");
    command->add_flag("--privileged", run_.privileged, "all capabilities and devices");
    command->add_flag("-d,--detach", run_.detach, "print the container's id and leave it running");
    command->add_flag("--rm", run_.remove, "remove the pod when the container is over");
    command->add_option("image", run_.image, "the image")->required();
    AddCommand(command, run_.command, false);
    command->parse_complete_callback([this] {
      if (run_.detach && run_.remove)
        throw CLI::ValidationError("--rm", "goes with the foreground only, not with -d");
      follows_run_ = !run_.detach;
    });
  }

  void AddLists() {
    auto* ps = Add("ps", "List containers", [this](Client& c) { return Ps(c, list_); });
    ps->add_flag("-a,--all", list_.all, "also those that don't run");
    auto* pods = Add("pods", "List pods", [this](Client& c) { return Pods(c, list_); });
    pods->add_flag("-a,--all", list_.all, "accepted for symmetry: all pods are shown anyway");
    auto* images = Add("images", "List images", [this](Client& c) { return Images(c, list_); });
    auto* stats = Add("stats", "What running containers use", [this](Client& c) { return Stats(c, stats_); });
    stats->add_option("names", stats_.names, "names or ids of containers or pods");
    stats->add_flag("-w,--watch", stats_.watch, "again each second, the busiest first");
    AddFormat(stats, stats_.format);
    for (CLI::App* command : {ps, pods, images}) {
      AddFormat(command, list_.format);
      command->add_flag("-q,--quiet", list_.quiet, "ids only");
    }
  }

  CLI::App* AddImageVerb(CLI::App* parent, const char* name, const char* help, ImageVerb verb) {
    CLI::App* command = (parent == nullptr ? &app_ : parent)->add_subcommand(name, help);
    command->callback([this, verb] { image_verb_ = verb; });
    return command;
  }
  void AddPull(CLI::App* parent) {
    auto* pull = AddImageVerb(parent, "pull", "Pull an image from its registry",
                              [this](ImageAccess& images) { return Pull(images, pull_); });
    pull->add_option("image", pull_.image, "NAME[:TAG|@DIGEST]")->required();
    pull->add_option("--creds", pull_.credentials, "USER:PASSWORD");
  }
  static std::string Absolute(const std::string& path) { return std::filesystem::absolute(path).lexically_normal().string(); }
  std::string ArchivePath() const { return Absolute(archive_); }

  void AddImages() {
    AddPull(nullptr);
    auto* rmi = Add("rmi", "Remove images", [this](Client& c) { return RemoveImages(c, names_); });
    rmi->add_option("images", names_, "names or ids")->required();
    auto* image = app_.add_subcommand("image", "More about images");
    image->require_subcommand(1);
    auto* root = image->add_option("--offline", offline_.root, "work in the store below this root directory, without a daemon");
    auto offline = [root](CLI::Option* option) { option->needs(root); };
    offline(image->add_option("--config", offline_.config_file, "offline: the node's configuration (default /etc/cradle/config.toml)"));
    offline(image->add_option("--registry-config", offline_.registry_config, "offline: folders with hosts.toml, not the configured ones"));
    offline(image->add_option("--credentials", offline_.credentials, "offline: docker's config.json, not the configured one"));
    offline(image->add_flag("--keep-blobs", offline_.keep_blobs, "offline: compressed layers stay, too, so that exports give the same images"));
    AddPull(image);
    auto* import = AddImageVerb(image, "import", "Import an OCI layout or a docker archive, with all its images",
                                [this](ImageAccess& images) { return ImportImage(images, ArchivePath(), new_name_); });
    import->add_option("path", archive_, "a directory or a tar file on this node")->required();
    import->add_option("--name", new_name_, "for an image that brings no name");
    auto* write = AddImageVerb(image, "export", "Write images into a tar: an OCI layout and docker archive",
                               [this](ImageAccess& images) { return ExportImages(images, names_, ArchivePath()); });
    write->add_option("path", archive_, "the file to be written, on this node")->required();
    write->add_option("images", names_, "names or ids")->required();
    auto* tag = AddImageVerb(image, "tag", "Give an image one more name", [this](ImageAccess& images) {
      return TagImage(images, image_, new_name_);
    });
    tag->add_option("image", image_, "name or id")->required();
    tag->add_option("name", new_name_, "the new name")->required();
    auto* history = AddImageVerb(image, "history", "How an image was made",
                                 [this](ImageAccess& images) { return ImageHistory(images, image_); });
    history->add_option("image", image_, "name or id")->required();
    auto* diff = AddImageVerb(image, "diff", "Files that differ between two images", [this](ImageAccess& images) {
      return DiffImages(images, names_.at(0), names_.at(1));
    });
    diff->add_option("images", names_, "two names or ids")->required()->expected(2);
    AddImageVerb(image, "prune", "Remove images that no container uses",
                 [](ImageAccess& images) { return PruneImages(images); });
    AddImageVerb(image, "check", "Compare the store with what is on the disk",
                 [](ImageAccess& images) { return CheckImages(images, false); });
    AddImageVerb(image, "repair", "The same, and remove what is broken",
                 [](ImageAccess& images) { return CheckImages(images, true); });
  }

  void AddContainerVerbs() {
    auto* logs =
        Add("logs", "Show a container's log", [this](Client& c) { return Logs(c, logs_); });
    logs->add_option("container", logs_.container, "name or id")->required();
    logs->add_flag("-f,--follow", logs_.follow, "go on until the container is over");
    logs->add_flag("-t,--timestamps", logs_.timestamps, "with the time of each line");
    logs->add_option("--tail", logs_.tail, "only the last lines");
    logs->add_option("--since", logs_.since,
                     "only since 10m ago, or since a time (2026-01-02T03:04:05Z)");
    AddStreams();
    auto* update = Add("update", "Change the limits of running containers",
                       [this](Client& c) { return Update(c, update_); });
    update->add_option("containers", update_.containers, "names or ids")->required();
    update->add_option("-m,--memory", update_.memory, "memory limit, such as 64Mi");
    update->add_option("--cpus", update_.cpus, "CPU limit and weight, such as 0.5 or 500m");
    update->add_option("--cpu-shares", update_.cpu_shares, "CPU weight alone, 2 to 262144");
    update->add_option("--cpuset-cpus", update_.cpuset_cpus, "processors, such as 0-1");
    auto* stop = Add("stop", "Stop containers or pods",
                     [this](Client& c) { return Stop(c, names_, grace_); });
    stop->add_option("names", names_, "names or ids")->required();
    stop->add_option("-t,--time", grace_,
                     "seconds between the stop signal and the kill (default 10)")
        ->check(CLI::NonNegativeNumber);
    auto* rm = Add("rm", "Remove containers or pods",
                   [this](Client& c) { return Remove(c, names_, force_); });
    rm->add_option("names", names_, "names or ids")->required();
    rm->add_flag("-f,--force", force_, "also what is running");
  }

  void AddStreams() {
    auto* exec = AddStream("exec", "Run a command in a container",
                           [this](Client& c) { return Exec(c, exec_, signals_); });
    exec->add_flag("-i,--interactive", exec_.interactive, "with our standard input");
    exec->add_flag("-t,--tty", exec_.tty, "with a terminal");
    exec->add_option("--timeout", exec_.timeout, "kill the command after, such as 10s");
    exec->add_option("container", exec_.container, "name or id")->required();
    AddCommand(exec, exec_.command, true);
    auto* attach = AddStream("attach", "See what a running container writes, and type into it",
                             [this](Client& c) { return Attach(c, attach_, signals_); });
    attach->add_flag("-i,--interactive", attach_.interactive, "with our standard input");
    attach->add_flag("-t,--tty", attach_.tty, "the container has a terminal");
    attach->add_option("--detach-keys", attach_.detach_keys,
                       "with a terminal: leave it running (default ctrl-p,ctrl-q)");
    attach->add_option("container", attach_.container, "name or id")->required();
    auto* forward = AddStream("port-forward", "Make ports of a pod reachable here",
                              [this](Client& c) { return PortForward(c, forward_, signals_); });
    forward->add_option("--address", forward_.address, "IP address to listen on (default 127.0.0.1)");
    forward->add_option("name", forward_.name, "name or id of a pod, or of a container in it")->required();
    forward->add_option("ports", forward_.ports, "[LOCAL]:REMOTE, or one for both")->required();
  }
  CLI::App* AddStream(const char* name, const char* help, Verb verb) {
    auto* command = Add(name, help, std::move(verb));
    command->parse_complete_callback([this] { streams_ = true; });
    return command;
  }

  void AddNodeVerbs() {
    auto* inspect =
        Add("inspect", "Everything known about containers, pods or images", [this](Client& c) {
          return Inspect(c, names_, list_.format == Format::kYaml ? Format::kYaml : Format::kJson);
        });
    inspect->add_option("names", names_, "names or ids")->required();
    auto* info = Add("info", "What this node's cradled is",
                     [this](Client& c) { return Info(c, list_.format); });
    auto* version = Add("version", "Versions of cradlectl and cradled",
                        [this](Client& c) { return Version(c, list_.format); });
    for (CLI::App* command : {inspect, info, version}) AddFormat(command, list_.format);
  }

  CLI::App app_{"Runs and explains the pods of one node.", "cradlectl"};
  std::string address_ = kDefaultAddress;
  Verb verb_;
  ImageVerb image_verb_;
  RunOptions run_;
  bool follows_run_ = false, streams_ = false;
  UniqueFd signals_;
  ListOptions list_;
  StatsOptions stats_;
  LogOptions logs_;
  ExecOptions exec_;
  AttachOptions attach_;
  ForwardOptions forward_;
  UpdateOptions update_;
  PullOptions pull_;
  std::vector<std::string> names_;
  OfflineOptions offline_;
  std::string archive_, image_, new_name_;
  int64_t grace_ = 10;
  bool force_ = false;
};

}  // namespace
}  // namespace cradle::ctl

int main(int argc, char** argv) {
  cradle::sys::IgnoreSignal(SIGPIPE);
  return cradle::ctl::CommandLine().Main(argc, argv);
}
