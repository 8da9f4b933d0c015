// cradlectl stats: what running containers use, once or again and again.
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "base/sys/socket.h"
#include "ctl/client.h"
#include "ctl/find.h"
#include "ctl/output.h"
#include "ctl/table.h"
#include "ctl/terminal.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

namespace cradle::ctl {
namespace {

constexpr milliseconds kPeriod{1'000};  // a rate is that of so long

struct Row {
  double cpus = 0;
  std::vector<std::string> cells;
};

// Ids of the containers that are meant: a pod's name means all of its. None: no names, all are.
Result<std::set<std::string>> Meant(Client& client, const std::vector<std::string>& names) {
  std::set<std::string> ids;
  for (const std::string& name : names) {
    Found found = TRY(Find(client, name));
    if (auto* one = std::get_if<pb::Container>(&found)) {
      ids.insert(one->id());
      continue;
    }
    pb::ListContainersRequest request;
    request.mutable_filter()->set_pod_sandbox_id(std::get<pb::PodSandbox>(found).id());
    auto list = TRY(client.Call(&RuntimeStub::ListContainers, request));
    for (const auto& container : list.containers()) ids.insert(container.id());
  }
  return ids;
}

Result<pb::ListContainerStatsResponse> Read(Client& client, const std::vector<std::string>& names) {
  auto meant = TRY(Meant(client, names));
  auto all = TRY(client.Call(&RuntimeStub::ListContainerStats, pb::ListContainerStatsRequest()));
  if (names.empty()) return all;
  pb::ListContainerStatsResponse some;
  for (auto& one : *all.mutable_stats())
    if (meant.contains(one.attributes().id())) *some.add_stats() = std::move(one);
  return some;
}

double Cpus(const pb::CpuUsage& from, const pb::CpuUsage& to) {
  auto time = static_cast<double>(to.timestamp() - from.timestamp());
  auto used = static_cast<double>(to.usage_core_nano_seconds().value() - from.usage_core_nano_seconds().value());
  return time > 0 ? std::max(0.0, used / time) : 0;
}

// "some" of the last ten seconds: the share of time in which somebody had to wait.
std::string Waiting(const pb::PsiStats& psi) {
  return std::to_string(static_cast<int>(psi.some().avg10() + 0.5)) + "%";
}

// Of the containers that both readings have; the busiest first.
Result<Table> Tabulate(Client& client, const pb::ListContainerStatsResponse& before,
                       const pb::ListContainerStatsResponse& now, Format format) {
  auto pod_names = TRY(PodNames(client));
  auto list = TRY(client.Call(&RuntimeStub::ListContainers, pb::ListContainersRequest()));
  std::map<std::string, std::string> pod_of;
  for (const auto& container : list.containers()) pod_of[container.id()] = pod_names[container.pod_sandbox_id()];
  std::map<std::string, const pb::ContainerStats*> earlier;
  for (const auto& one : before.stats()) earlier[one.attributes().id()] = &one;

  std::vector<Row> rows;
  for (const auto& one : now.stats()) {
    const std::string& id = one.attributes().id();
    if (!earlier.contains(id)) continue;
    const pb::MemoryUsage& memory = one.memory();
    uint64_t used = memory.working_set_bytes().value();
    double cpus = Cpus(earlier[id]->cpu(), one.cpu());
    rows.push_back({cpus,
                    {ShortId(id, format), one.attributes().metadata().name(), FormatCpus(cpus), FormatBytes(used),
                     memory.has_available_bytes() ? FormatBytes(used + memory.available_bytes().value()) : "-",
                     FormatBytes(one.writable_layer().used_bytes().value()), Waiting(one.cpu().psi()),
                     Waiting(memory.psi()), Waiting(one.io().psi()), pod_of[id]}});
  }
  std::ranges::stable_sort(rows, std::ranges::greater(), &Row::cpus);
  Table table({{"CONTAINER"}, {"NAME", true}, {"CPUS"}, {"MEMORY"}, {"LIMIT"}, {"LAYER"}, {"CPU WAIT"},
               {"MEM WAIT"}, {"IO WAIT"}, {"POD", true}});
  for (Row& row : rows) table.Add(std::move(row.cells));
  return table;
}

// False when nobody reads standard output any more, which is always told.
Result<bool> WaitForNext() {
  pollfd out{STDOUT_FILENO, 0, 0};
  return !TRY(sys::Poll({&out, 1}, After(kPeriod)));
}

}  // namespace

Result<int> Stats(Client& client, const StatsOptions& options) {
  auto before = TRY(Read(client, options.names));
  if (IsDocument(options.format)) {
    PrintMessage(before, options.format);
    return 0;
  }
  while (TRY(WaitForNext())) {
    auto now = TRY(Read(client, options.names));
    Table table = TRY(Tabulate(client, before, now, options.format));
    // Home, and all below goes: the screen doesn't flicker as after a clear.
    if (options.watch) Print(TerminalWidth() != 0 ? "\033[H\033[J" : "\n");
    PrintTable(table, options.format);
    if (!options.watch) break;
    before = std::move(now);
  }
  return 0;
}

}  // namespace cradle::ctl
