#include "image/credentials.h"

#include <fcntl.h>
#include <signal.h>

#include <cstdlib>

#include "base/clock.h"
#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "image/json.h"

namespace cradle::image {
namespace {

constexpr size_t kMaxFileBytes = 4 << 20, kMaxHelperBytes = 1 << 20;
constexpr seconds kHelperTimeout{60};
constexpr std::string_view kHub = "docker.io";
constexpr const char* kHubAddress = "https://index.docker.io/v1/";  // its name in config.json since ever
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string Environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

Result<std::string> FindHelper(const std::string& suffix) {
  if (suffix.empty() || suffix.find('/') != std::string::npos)
    return InvalidArgument(Cat("credential helper \"", suffix, "\" is no name"));
  std::string name = "docker-credential-" + suffix;
  std::string path = Environment("PATH", kDefaultPath);
  for (std::string_view rest = path; !rest.empty();) {
    size_t end = std::min(rest.find(':'), rest.size());
    std::string program = Cat(rest.substr(0, end), "/", name);
    if (program.starts_with('/') && sys::Exists(kCwd, program)) return program;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return NotFound(Cat("credential helper ", name, " is in no folder of PATH"));
}

// What it writes until it closes its output.
Result<std::string> ReadUntil(FdRef from, Deadline deadline) {
  std::string out(kMaxHelperBytes, '\0');
  for (size_t have = 0;;) {
    if (!TRY(sys::PollReadable(from, deadline))) return Error(Code::kDeadlineExceeded, "it takes longer than a minute");
    size_t got = TRY(sys::Read(from, out.data() + have, out.size() - have));
    have += got;
    if (got == 0) {
      out.resize(have);
      return out;
    }
    if (have == out.size()) return InvalidArgument("it says more than a megabyte");
  }
}

struct Said {
  std::string text;
  bool success = false;
};
Result<Said> RunHelper(const std::string& program, std::string_view input) {
  sys::Pipe in = TRY(sys::MakePipe()), out = TRY(sys::MakePipe());
  sys::SpawnOptions options;
  options.program = program;
  options.args = {program, "get"};
  options.env = {Cat("PATH=", Environment("PATH", kDefaultPath)), Cat("HOME=", Environment("HOME", "/root"))};
  options.fds = {{in.read, 0}, {out.write, 1}};
  options.new_group = true;
  sys::Child child = TRY(sys::Spawn(options));
  in.read.Reset();
  out.write.Reset();
  Deadline deadline = After(kHelperTimeout);
  (void)sys::WriteAll(in.write, input.data(), input.size());  // fits a pipe; a helper needn't read it
  in.write.Reset();
  auto text = ReadUntil(out.read, deadline);
  if (!text.ok()) (void)sys::KillGroup(child.pid, SIGKILL);
  auto exit = sys::WaitPidfd(child.pidfd, deadline);
  if (!exit.ok()) {
    (void)sys::KillGroup(child.pid, SIGKILL);
    (void)sys::WaitPidfd(child.pidfd, After(seconds(10)));
  }
  if (!text.ok()) return std::move(text.error());
  if (!exit.ok()) return std::move(exit.error());
  return Said{std::move(*text), exit->code == 0 && exit->signal == 0};
}

Result<std::optional<Auth>> AskHelper(const std::string& suffix, const std::string& address) {
  std::string program = TRY(FindHelper(suffix));
  Said said = TRY(RunHelper(program, address + "\n").With(program));
  if (!said.success) {
    // The one failure that the protocol defines.
    if (said.text.find("credentials not found") != std::string::npos) return std::optional<Auth>();
    return FailedPrecondition(Cat(program, " fails"));
  }
  Json json = TRY(ParseJson(said.text).With(program));
  Auth auth;
  auth.username = TRY(StringMember(json, "Username").With(program));
  std::string secret = TRY(StringMember(json, "Secret").With(program));
  if (auth.username != "<token>") {
    auth.password = std::move(secret);
  } else {
    auth.username.clear();
    auth.identity_token = std::move(secret);
  }
  return std::optional(std::move(auth));
}

Result<Auth> ParseEntry(const Json& json) {
  Auth auth;
  auth.username = TRY(StringMember(json, "username"));
  auth.password = TRY(StringMember(json, "password"));
  auth.auth = TRY(StringMember(json, "auth"));
  auth.identity_token = TRY(StringMember(json, "identitytoken"));
  auth.registry_token = TRY(StringMember(json, "registrytoken"));
  return auth;
}

// The entry for the longest part of "host/name/space" that has one.
const Json* FindEntry(const Json& auths, const std::string& host, const std::string& repository) {
  if (!auths.is_object()) return nullptr;
  for (std::string part = Cat(host, "/", repository); part.size() > host.size(); part.resize(part.rfind('/')))
    if (auto found = auths.find(part); found != auths.end()) return &*found;
  for (const auto& [address, entry] : auths.items()) {
    bool whole = address.find("://") != std::string::npos || address.find('/') == std::string::npos;
    if (whole && CredentialHost(address) == host) return &entry;
  }
  return nullptr;
}

bool IsEmpty(const Auth& auth) {
  return auth.username.empty() && auth.auth.empty() && auth.identity_token.empty() && auth.registry_token.empty();
}

}  // namespace

std::string CredentialHost(std::string_view address) {
  if (size_t scheme = address.find("://"); scheme != std::string_view::npos) address.remove_prefix(scheme + 3);
  std::string host(address.substr(0, address.find('/')));
  return host == "index.docker.io" || host == "registry-1.docker.io" ? std::string(kHub) : host;
}

Result<std::optional<Auth>> CredentialsFor(const std::string& file, const std::string& server,
                                           const std::string& repository) {
  if (file.empty()) return std::optional<Auth>();
  auto text = sys::ReadFile(kCwd, file, kMaxFileBytes);
  if (!text.ok() && text.error().err() == ENOENT) return std::optional<Auth>();
  if (!text.ok()) return std::move(text.error());
  Json json = TRY(ParseJson(*text).With(file));
  std::string host = CredentialHost(server);
  std::string address = host == kHub ? kHubAddress : host;
  const Json& helpers = Member(json, "credHelpers");
  std::string helper = TRY(StringMember(helpers, address.c_str()).With(file));
  if (helper.empty()) helper = TRY(StringMember(helpers, host.c_str()).With(file));
  if (!helper.empty()) return AskHelper(helper, address);
  if (const Json* entry = FindEntry(Member(json, "auths"), host, repository)) {
    Auth auth = TRY(ParseEntry(*entry).With(file));
    // With a store, the entries are empty: they only tell that it knows something.
    if (!IsEmpty(auth)) return std::optional(std::move(auth));
  }
  std::string store = TRY(StringMember(json, "credsStore").With(file));
  if (!store.empty()) return AskHelper(store, address);
  return std::optional<Auth>();
}

}  // namespace cradle::image
