#include "cni/network.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "base/sys/file.h"
#include "cni/conf_watch.h"
#include "cni/network_list.h"
#include "cni/plugin.h"
#include "cni/record.h"
#include "cni/result.h"
#include "cni/runtime_config.h"

namespace cradle::cni {
namespace {

constexpr milliseconds kStatusTimeout{5'000};  // all plugins of a list together
constexpr milliseconds kStatusAge{10'000};     // older answers of STATUS are asked for again

// What is no namespace (any more) is not given to a DEL: plugins refuse a plain file and pass over
// none at all.
bool IsNamespace(const std::string& path) {
  auto fd = sys::OpenAt(kCwd, path, O_PATH);
  if (!fd.ok()) return false;
  auto info = sys::Fstatfs(*fd);
  return info.ok() && info->f_type == NSFS_MAGIC;
}

using ListPtr = std::shared_ptr<const NetworkList>;

class CniNetwork final : public Network {
 public:
  static Result<std::unique_ptr<Network>> Open(Config config);

  Result<> Ready() const override;
  Result<Attachment> Add(const AddRequest& request, Deadline deadline) override;
  Result<> Del(const std::string& pod_id, const std::string& netns_path,
               Deadline deadline) override;
  Result<Attachment> Find(const std::string& pod_id) const override;
  std::vector<std::string> RecordedPods() const override { return ListRecords(config_.record_dir); }
  Result<> CollectGarbage(Deadline deadline) override;

 private:
  struct Call {
    const char* command;
    std::string pod_id = {}, netns = {}, ifname = {}, args = {};
  };
  explicit CniNetwork(Config config) : config_(std::move(config)) {}

  // Reads the list again. A list that has to be asked for its STATUS comes back.
  ListPtr ReadList();
  void Refresh();
  Result<ListPtr> List() const;
  Result<ListPtr> Load() const;
  Result<> AskStatus(const NetworkList& list) const;

  Result<std::string> FindPlugin(const std::string& type) const;
  Result<std::string> Run(const NetworkList& list, const PluginConf& plugin, const Call& call,
                          const RuntimeConfig& runtime, const std::string& prev_result,
                          Deadline deadline) const;
  Result<std::string> Run(const PluginConf& plugin, const Call& call, std::string input,
                          Deadline deadline) const;
  Result<Attachment> AddOrUndo(const NetworkList& list, Record record, Deadline deadline) const;
  Result<Attachment> AddAll(const NetworkList& list, Record& record, Deadline deadline) const;
  Result<> DelAll(const NetworkList& list, const Record& record, const std::string& netns,
                  Deadline deadline) const;
  Result<> DelRecorded(const Record& record, const std::string& netns_path,
                       Deadline deadline) const;

  const Config config_;
  std::shared_mutex adds_;  // shared by Add; GC alone: it would free what an ADD under way has taken
  std::atomic<uint64_t> adds_begun_ = 0, adds_ended_ = 0;
  mutable std::mutex mutex_;
  ListPtr list_;  // null: none is valid
  Result<> status_ = FailedPrecondition("the network list has not been read yet");
  mutable std::optional<Deadline> status_stale_;  // set where the list's version has STATUS
  std::unique_ptr<ConfWatch> watch_;              // last: its thread uses what is above
};

Result<std::unique_ptr<Network>> CniNetwork::Open(Config config) {
  TRYV(sys::MakeDirs(config.record_dir, 0700));
  std::vector<std::string> dirs = config.bin_dirs;
  dirs.push_back(config.conf_dir);
  std::unique_ptr<CniNetwork> out(new CniNetwork(std::move(config)));
  out->ReadList();
  out->watch_ =
      TRY(ConfWatch::Start(std::move(dirs), [network = out.get()] { network->Refresh(); }));
  return std::unique_ptr<Network>(std::move(out));
}

Result<> CniNetwork::Ready() const {
  std::lock_guard lock(mutex_);
  if (status_stale_ && std::chrono::steady_clock::now() >= *status_stale_) {
    watch_->Ask();
    status_stale_ = After(kStatusAge);
  }
  return status_;
}

ListPtr CniNetwork::ReadList() {
  auto list = Load();
  std::lock_guard lock(mutex_);
  status_stale_.reset();
  if (!list.ok()) {
    list_ = nullptr;
    status_ = std::move(list.error());
    return nullptr;
  }
  bool same = list_ && list_->text == (*list)->text;
  list_ = *list;
  bool has_status = AtLeast(list_->version, "1.1.0");
  if (!has_status)
    status_ = {};
  else if (!same)
    status_ = FailedPrecondition(Cat("network ", list_->name, " has not told its status yet"));
  return has_status ? list_ : nullptr;
}

// On the watch's thread: a plugin may take its time to tell.
void CniNetwork::Refresh() {
  ListPtr list = ReadList();
  if (!list) return;
  Result<> answer = AskStatus(*list);
  std::lock_guard lock(mutex_);
  status_ = std::move(answer);
  status_stale_ = After(kStatusAge);
}

Result<ListPtr> CniNetwork::Load() const {
  NetworkList list = TRY(LoadNetworkList(config_.conf_dir));
  for (const PluginConf& plugin : list.plugins)
    TRY(FindPlugin(plugin.type).With(Cat("network ", list.name)));
  return std::make_shared<const NetworkList>(std::move(list));
}

Result<ListPtr> CniNetwork::List() const {
  {
    std::lock_guard lock(mutex_);
    if (list_) return list_;
  }
  return Load();  // it may just have come
}

Result<> CniNetwork::AskStatus(const NetworkList& list) const {
  Call call{.command = "STATUS"};
  Deadline deadline = After(kStatusTimeout);
  for (const PluginConf& plugin : list.plugins) {
    auto answer = Run(list, plugin, call, {}, "", deadline);
    if (!answer.ok())
      return std::move(answer.error())
          .As(Code::kFailedPrecondition)
          .With(Cat("network ", list.name, " is not ready"));
  }
  return {};
}

Result<std::string> CniNetwork::FindPlugin(const std::string& type) const {
  std::string dirs;
  for (const std::string& dir : config_.bin_dirs) {
    std::string path = Cat(dir, "/", type);
    auto info = sys::FstatAt(kCwd, path, 0);
    if (info.ok() && S_ISREG(info->st_mode) && (info->st_mode & 0111)) return path;
    dirs += Cat(dirs.empty() ? "" : ", ", dir);
  }
  return FailedPrecondition(Cat("plugin ", type, " is not in ", dirs));
}

Result<std::string> CniNetwork::Run(const NetworkList& list, const PluginConf& plugin,
                                    const Call& call, const RuntimeConfig& runtime,
                                    const std::string& prev_result, Deadline deadline) const {
  auto input = PluginInput(list, plugin, runtime, prev_result);
  if (!input.ok()) return std::move(input.error()).With(Cat("plugin ", plugin.type, " ", call.command));
  return Run(plugin, call, std::move(*input), deadline);
}

Result<std::string> CniNetwork::Run(const PluginConf& plugin, const Call& call, std::string input,
                                    Deadline deadline) const {
  PluginRun run;
  run.name = Cat("plugin ", plugin.type, " ", call.command);
  run.program = TRY(FindPlugin(plugin.type));
  run.input = std::move(input);
  std::string path;
  for (const std::string& dir : config_.bin_dirs) path += Cat(path.empty() ? "" : ":", dir);
  const char* search = std::getenv("PATH");
  run.env = {Cat("CNI_COMMAND=", call.command), Cat("CNI_PATH=", path),
             Cat("PATH=",
                 search ? search : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")};
  if (!call.pod_id.empty())
    run.env.insert(run.env.end(),
                   {Cat("CNI_CONTAINERID=", call.pod_id), Cat("CNI_NETNS=", call.netns),
                    Cat("CNI_IFNAME=", call.ifname), Cat("CNI_ARGS=", call.args)});
  return RunPlugin(run, std::min(deadline, After(config_.plugin_timeout)));
}

Result<Attachment> CniNetwork::Add(const AddRequest& request, Deadline deadline) {
  Record record = TRY(MakeRecord(request));
  ListPtr list = TRY(List());
  std::shared_lock adding(adds_);
  uint64_t ended = adds_ended_, begun = ++adds_begun_;
  auto added = AddOrUndo(*list, record, deadline);
  // Plugins look for what all pods share (firewall: its chains), then make it: of two at once, the
  // later fails where neither would alone. What failed beside others is tried once more. A lock
  // around the first would let one plugin that hangs keep all other pods from their network.
  bool alone = ended + 1 == begun && adds_begun_ == begun;
  if (!added.ok() && !alone && MillisLeft(deadline) > 0) added = AddOrUndo(*list, record, deadline);
  ++adds_ended_;
  return std::move(added).With(Cat("network ", list->name));
}

Result<Attachment> CniNetwork::AddOrUndo(const NetworkList& list, Record record,
                                         Deadline deadline) const {
  // An earlier attempt of the same pod: its remains first.
  if (auto earlier = LoadRecord(config_.record_dir, record.pod_id); earlier.ok())
    TRYV(DelRecorded(*earlier, record.netns, deadline));
  record.list_file = list.file;
  record.list_text = list.text;
  TRYV(SaveRecord(config_.record_dir, record));
  auto added = AddAll(list, record, deadline);
  if (added.ok()) return added;
  // On its own time: the request's may be what has run out.
  auto undone = DelRecorded(record, record.netns, After(config_.plugin_timeout));
  if (!undone.ok())
    added = Error(added.error().code(),
                  Cat(added.error().text(), "; and undoing it: ", undone.error().text()));
  return added;
}

Result<Attachment> CniNetwork::AddAll(const NetworkList& list, Record& record,
                                      Deadline deadline) const {
  Call call{"ADD", record.pod_id, record.netns, record.ifname, record.args};
  std::string result;
  for (const PluginConf& plugin : list.plugins) {
    result = TRY(Run(list, plugin, call, record.runtime, result, deadline));
    TRYV(CheckResult(result).With(Cat("result of plugin ", plugin.type)));
  }
  record.result = std::move(result);
  TRYV(SaveRecord(config_.record_dir, record));
  return ParseResult(record.result, record.ifname)
      .With(Cat("result of plugin ", list.plugins.back().type));
}

Result<> CniNetwork::Del(const std::string& pod_id, const std::string& netns_path,
                         Deadline deadline) {
  auto record = LoadRecord(config_.record_dir, pod_id);
  if (record.ok()) return DelRecorded(*record, netns_path, deadline);
  if (record.error().code() == Code::kNotFound) return RemoveRecord(config_.record_dir, pod_id);
  if (record.error().code() == Code::kInvalidArgument) return std::move(record.error());
  // Damaged. The best guess is today's list with the usual names; plugins go by the container's id.
  Record guess;
  guess.pod_id = pod_id;
  guess.ifname = "eth0";
  ListPtr list = TRY(List().With(record.error().text()));
  guess.list_file = list->file;
  guess.list_text = list->text;
  return DelRecorded(guess, netns_path, deadline);
}

// Removes the record when all plugins have said yes.
Result<> CniNetwork::DelRecorded(const Record& record, const std::string& netns_path,
                                 Deadline deadline) const {
  NetworkList list = TRY(ParseNetworkList(record.list_text, record.list_file));
  std::string netns = netns_path.empty() ? record.netns : netns_path;
  if (!IsNamespace(netns)) netns.clear();
  TRYV(DelAll(list, record, netns, deadline).With(Cat("network ", list.name)));
  return RemoveRecord(config_.record_dir, record.pod_id);
}

// Stops at the first that fails, as the specification wants it: an address must not be free again
// while rules of a plugin that came after still lead to it.
Result<> CniNetwork::DelAll(const NetworkList& list, const Record& record, const std::string& netns,
                            Deadline deadline) const {
  Call call{"DEL", record.pod_id, netns, record.ifname, record.args};
  std::string prev_result = AtLeast(list.version, "0.4.0") ? record.result : "";
  for (auto plugin = list.plugins.rbegin(); plugin != list.plugins.rend(); ++plugin)
    TRY(Run(list, *plugin, call, record.runtime, prev_result, deadline));
  return {};
}

Result<> CniNetwork::CollectGarbage(Deadline deadline) {
  auto found = List();
  if (!found.ok()) return {};  // Ready() says so; there is nobody to ask
  ListPtr list = std::move(*found);
  if (!list->gc || !AtLeast(list->version, "1.1.0")) return {};
  std::unique_lock alone(adds_);
  std::vector<AttachmentId> valid;
  for (const std::string& pod : RecordedPods()) {
    auto record = LoadRecord(config_.record_dir, pod);
    valid.push_back({pod, record.ok() ? record->ifname : "eth0"});
  }
  Result<> first;
  for (const PluginConf& plugin : list->plugins) {
    std::string input = TRY(GcInput(*list, plugin, valid));
    auto answer = Run(plugin, Call{.command = "GC"}, std::move(input), deadline);
    if (!answer.ok() && first.ok()) first = std::move(answer.error()).With(Cat("network ", list->name));
  }
  return first;
}

Result<Attachment> CniNetwork::Find(const std::string& pod_id) const {
  Record record = TRY(LoadRecord(config_.record_dir, pod_id));
  if (record.result.empty()) return NotFound(Cat("network of ", pod_id, ": its ADD has not ended"));
  return ParseResult(record.result, record.ifname).With(Cat("network of ", pod_id));
}

}  // namespace

Result<std::unique_ptr<Network>> Network::Open(Config config) {
  return CniNetwork::Open(std::move(config));
}

}  // namespace cradle::cni
