#include "ctl/conversation.h"
#include "ctl/find.h"
#include "ctl/follow.h"
#include "ctl/terminal.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

namespace cradle::ctl {
namespace {

Result<int> ExecWithTimeout(Client& client, const std::string& container, const ExecOptions& options) {
  if (options.interactive || options.tty) return InvalidArgument("--timeout doesn't go with -i or -t");
  pb::ExecSyncRequest request;
  request.set_container_id(container);
  for (const auto& word : options.command) request.add_cmd(word);
  request.set_timeout(TRY(ParseSeconds(options.timeout).With("--timeout")));
  auto response = TRY(client.Call(&RuntimeStub::ExecSync, request));
  Print(response.stdout());
  PrintError(response.stderr());
  return response.exit_code();
}

}  // namespace

Result<int> Exec(Client& client, const ExecOptions& options, FdRef signals) {
  std::string container = TRY(FindContainer(client, options.container)).id();
  if (!options.timeout.empty()) return ExecWithTimeout(client, container, options);
  pb::ExecRequest request;
  request.set_container_id(container);
  for (const auto& word : options.command) request.add_cmd(word);
  request.set_stdin(options.interactive);
  request.set_stdout(true);
  request.set_stderr(!options.tty);
  request.set_tty(options.tty);
  std::string url = TRY(client.Call(&RuntimeStub::Exec, request)).url();
  return TRY(Converse(url, {options.interactive, options.tty, {}}, signals)).code;
}

Result<int> Attach(Client& client, const AttachOptions& options, FdRef signals) {
  DetachKeys keys = TRY(DetachKeys::Parse(options.detach_keys).With("--detach-keys"));
  std::string container = TRY(FindContainer(client, options.container)).id();
  pb::AttachRequest request;
  request.set_container_id(container);
  request.set_stdin(options.interactive);
  request.set_stdout(true);
  request.set_stderr(!options.tty);
  request.set_tty(options.tty);
  std::string url = TRY(client.Call(&RuntimeStub::Attach, request)).url();
  Ending ending = TRY(Converse(url, {options.interactive, options.tty, std::move(keys)}, signals));
  if (ending.detached) {
    PrintError(Cat("\ncradlectl: detached from ", options.container, "\n"));
    return 0;
  }
  if (ending.code != 0) return ending.code;
  // The session's end was the container's, whose exit may be told a moment later; or only that of our input.
  auto status = TRY(ending.input_ended ? StatusOf(client, container) : Follow(client, container, nullptr, signals));
  return status.state() == pb::CONTAINER_EXITED ? status.exit_code() : 0;
}

}  // namespace cradle::ctl
