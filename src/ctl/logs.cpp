#include <signal.h>

#include "base/clock.h"
#include "ctl/find.h"
#include "ctl/follow.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

namespace cradle::ctl {
namespace {

// As the log's own times are written: they compare as text.
Result<std::string> SinceTime(const std::string& since) {
  bool is_time = since.size() >= 10 && since[4] == '-' && since[7] == '-';
  if (since.empty() || is_time) return since;
  int64_t seconds = TRY(ParseSeconds(since).With("--since"));
  std::string time;
  AppendRfc3339Nano(WallNanos() - seconds * 1'000'000'000, time);
  return time;
}

}  // namespace

Result<int> Logs(Client& client, const LogOptions& options) {
  auto container = TRY(FindContainer(client, options.container));
  auto status = TRY(StatusOf(client, container.id()));
  if (status.log_path().empty()) {
    return FailedPrecondition(
        Cat(options.container, " keeps no log: its pod has no log directory"));
  }
  LogFilter filter{options.timestamps, options.tail, TRY(SinceTime(options.since))};
  auto log = TRY(LogTail::Open(status.log_path(), std::move(filter)));
  if (!options.follow) return 0;
  auto last = TRY(Follow(client, container.id(), &log, FdRef()));
  return last.state() == pb::CONTAINER_RUNNING ? 128 + SIGPIPE : 0;
}

}  // namespace cradle::ctl
