// The verbs of cradlectl and their options, apart from how a command line spells them (main.cpp)
// and free of protobuf. A verb prints its results and returns the exit code of the program; what
// failed is its error.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::ctl {

class Client;
class ImageAccess;
enum class Format { kTable, kWide, kJson, kYaml };

struct ListOptions {
  Format format = Format::kTable;
  bool all = false;    // also what doesn't run
  bool quiet = false;  // ids only, whole
};
Result<int> Ps(Client& client, const ListOptions& options);
Result<int> Pods(Client& client, const ListOptions& options);
Result<int> Images(Client& client, const ListOptions& options);

struct StatsOptions {
  std::vector<std::string> names;  // of containers and pods; none: all that run
  Format format = Format::kTable;
  bool watch = false;  // again each second, until interrupted or unread
};
Result<int> Stats(Client& client, const StatsOptions& options);

struct RunOptions {
  std::string image;
  std::vector<std::string> command;  // empty: the image's
  std::string name;                  // of pod and container; empty: made from the image's
  std::vector<std::string> env;      // "K=V", or "K": as it is here
  std::vector<std::string> mounts;   // "HOST:CONTAINER[:ro]"
  std::string memory, cpus;          // "64Mi", "0.5"
  std::string user, working_dir;
  bool host_network = false;
  bool privileged = false;
  bool detach = false;  // prints the container's id instead of its log
  bool remove = false;  // the pod goes when the container is over
};
// In the foreground: shows the log until the container exits; its exit code. `signals`: a signalfd
// of what interrupts (SIGINT, SIGTERM), blocked since before the first thread was made: one ends
// the pull or stops the container. Not needed with detach.
Result<int> Run(Client& client, const RunOptions& options, FdRef signals);

struct LogOptions {
  std::string container;
  bool follow = false;
  bool timestamps = false;
  int64_t tail = -1;  // lines; -1: all
  std::string since;  // "10m" or an RFC 3339 time; empty: all
};
Result<int> Logs(Client& client, const LogOptions& options);

struct ExecOptions {
  std::string container;
  std::vector<std::string> command;
  std::string timeout;  // "10s"; empty: none
  bool interactive = false, tty = false;
};
// The command's exit code. `signals` (also of the next two): a signalfd of what interrupts (SIGINT, SIGTERM, SIGHUP) and
// of SIGWINCH, blocked since before the first thread was made.
Result<int> Exec(Client& client, const ExecOptions& options, FdRef signals);

struct AttachOptions {
  std::string container;
  bool interactive = false, tty = false;
  std::string detach_keys = "ctrl-p,ctrl-q";
};
// Until the container ends (its exit code), or the keys are typed.
Result<int> Attach(Client& client, const AttachOptions& options, FdRef signals);

struct ForwardOptions {
  std::string name;                // of a pod, or of a container in it
  std::vector<std::string> ports;  // "LOCAL:REMOTE", "BOTH", ":REMOTE"
  std::string address = "127.0.0.1";
};
// Until it is interrupted.
Result<int> PortForward(Client& client, const ForwardOptions& options, FdRef signals);

struct PullOptions {
  std::string image;
  std::string credentials;  // "USER:PASSWORD"
};
struct OfflineOptions {
  std::string root;  // of the node to be, as cradled's --root; absolute. Empty: ask the daemon
  std::string config_file;  // the node's; empty: /etc/cradle/config.toml, if it is there
  // What that says; these win over it.
  std::string registry_config, credentials;
  bool keep_blobs = false;
};
Result<int> RemoveImages(Client& client, const std::vector<std::string>& images);

Result<int> Pull(ImageAccess& images, const PullOptions& options);
Result<int> ImportImage(ImageAccess& images, const std::string& path, const std::string& name);
Result<int> ExportImages(ImageAccess& images, const std::vector<std::string>& names, const std::string& path);
Result<int> TagImage(ImageAccess& images, const std::string& name, const std::string& new_name);
Result<int> PruneImages(ImageAccess& images);
Result<int> CheckImages(ImageAccess& images, bool repair);
Result<int> ImageHistory(ImageAccess& images, const std::string& name);
Result<int> DiffImages(ImageAccess& images, const std::string& from, const std::string& to);

// Names and ids are of containers or pods; what `run` made goes as a whole.
Result<int> Stop(Client& client, const std::vector<std::string>& names, int64_t grace_seconds);
Result<int> Remove(Client& client, const std::vector<std::string>& names, bool force);

struct UpdateOptions {
  std::vector<std::string> containers;
  std::string memory, cpus;  // as of run; empty: as it is
  std::string cpuset_cpus;
  int64_t cpu_shares = 0;
};
Result<int> Update(Client& client, const UpdateOptions& options);

Result<int> Inspect(Client& client, const std::vector<std::string>& names, Format format);
Result<int> Info(Client& client, Format format);
Result<int> Version(Client& client, Format format);

}  // namespace cradle::ctl
