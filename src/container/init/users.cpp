// Who the process will be: numbers as they are, names by the container's own /etc/passwd and
// /etc/group (passwd(5), group(5)), read as what they are: files of an image.
#include <sys/stat.h>

#include <cstring>

#include "container/init/kernel.h"
#include "container/init/numbers.h"
#include "container/init/paths.h"
#include "container/init/reader.h"
#include "container/init/steps.h"

namespace cradle::init {
namespace {

constexpr size_t kMaxFile = 10 << 20;
constexpr uint64_t kMaxId = UINT32_MAX - 1;  // -1 means "leave it" to setresuid(2)
constexpr char kPasswd[] = "/etc/passwd", kGroup[] = "/etc/group";

// A regular file inside the root, or -1. ENOENT: there is none.
int OpenTable(int root, const char* path) noexcept {
  Fd fd(OpenInRoot(root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK));
  struct stat info;
  if (!fd.valid() || fstat(fd.get(), &info) < 0) return -1;
  if (!S_ISREG(info.st_mode)) return errno = ENOENT, -1;
  return fd.Release();
}
bool Missing() { return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO; }

struct Account {
  bool found = false;
  char name[256] = "";
  uint32_t uid = 0, gid = 0;
};

// home's field of the current line, into "HOME=".
void KeepHome(Reader& reader, State& state) noexcept {
  if (reader.cut() || reader.token()[0] != '/') return;
  size_t size = strlen(reader.token());
  if (size + sizeof "HOME=" > sizeof state.home) return;
  memcpy(state.home + 5, reader.token(), size + 1);
}

// The rest of a line of /etc/passwd whose name was read: x:uid:gid:gecos:home:shell.
// True when it is the account looked for (by name, or by uid when name is empty).
bool ReadAccount(Reader& reader, const char* name, uint32_t uid, Account& account,
                 State& state) noexcept {
  bool named = *name && reader.Is(name);
  if ((*name && !named) || reader.cut() || strlen(reader.token()) >= sizeof account.name)
    return false;
  char found_name[sizeof account.name];
  strcpy(found_name, reader.token());
  uint64_t id = 0, gid = 0;
  for (int field = 1; reader.end() == ':' && reader.Next(":"); ++field) {
    if (field == 2 && (!ParseNumber(reader.token(), kMaxId, id) || (!named && id != uid)))
      return false;
    if (field == 3) {
      if (!ParseNumber(reader.token(), kMaxId, gid)) return false;
      strcpy(account.name, found_name);
      account.uid = static_cast<uint32_t>(id);
      account.gid = static_cast<uint32_t>(gid);
      account.found = true;
    }
    if (field == 5) KeepHome(reader, state);
  }
  return account.found;
}

// The first account that fits. A missing file has none.
Outcome FindAccount(State& state, const char* name, uint32_t uid, Account& account) noexcept {
  Fd file(OpenTable(state.root, kPasswd));
  if (!file.valid()) return Missing() ? Outcome{} : Fail(Step::kUserFile, kPasswd);
  Reader reader(file.get(), kMaxFile);
  while (reader.Next(":")) {
    if (ReadAccount(reader, name, uid, account, state)) return {};
    reader.SkipLine();
  }
  return reader.err() ? FailWith(reader.err(), Step::kUserFile, kPasswd) : Outcome{};
}

Outcome AddGroup(State& state, uint32_t gid) noexcept {
  uint32_t at = 0;
  while (at < state.group_count && state.groups[at] < gid) ++at;
  if (at < state.group_count && state.groups[at] == gid) return {};
  if (state.group_count == kMaxGroups) return FailWith(E2BIG, Step::kTooManyGroups);
  memmove(state.groups + at + 1, state.groups + at, (state.group_count - at) * sizeof gid);
  state.groups[at] = gid;
  ++state.group_count;
  return {};
}

// One pass over /etc/group: the gid of `wanted` (when not empty), and every group that lists
// `member` (when not empty).
struct GroupSearch {
  const char* wanted = "";
  const char* member = "";
  bool found = false;
  uint32_t gid = 0;
};

// A line whose name was read: x:gid:member,member...
Outcome ReadGroup(Reader& reader, State& state, GroupSearch& search) noexcept {
  bool wanted = *search.wanted && !search.found && reader.Is(search.wanted);
  uint64_t gid = 0;
  if (reader.end() != ':' || !reader.Next(":") || reader.end() != ':' || !reader.Next(":") ||
      !ParseNumber(reader.token(), kMaxId, gid))
    return {};
  if (wanted) {
    search.found = true;
    search.gid = static_cast<uint32_t>(gid);
  }
  bool listed = false;
  while (*search.member && !listed && reader.end() != '\n' && reader.Next(","))
    listed = reader.Is(search.member);
  return listed ? AddGroup(state, static_cast<uint32_t>(gid)) : Outcome{};
}

Outcome SearchGroups(State& state, GroupSearch& search) noexcept {
  Fd file(OpenTable(state.root, kGroup));
  if (!file.valid()) return Missing() ? Outcome{} : Fail(Step::kUserFile, kGroup);
  Reader reader(file.get(), kMaxFile);
  while (reader.Next(":")) {
    INIT_TRY(ReadGroup(reader, state, search));
    reader.SkipLine();
  }
  return reader.err() ? FailWith(reader.err(), Step::kUserFile, kGroup) : Outcome{};
}

Outcome ParseId(const char* text, Step step, uint32_t& id) noexcept {
  uint64_t value = 0;
  if (!ParseNumber(text, kMaxId, value)) return FailWith(ERANGE, step, text);
  id = static_cast<uint32_t>(value);
  return {};
}

// An id without a number on the host is nobody's.
Outcome CheckMapped(const Plan& plan, const State& state) noexcept {
  if (!plan.users) return {};
  if (state.uid >= plan.users->uid_count) return FailWith(ERANGE, Step::kUser, plan.user.user);
  if (state.group_count && state.groups[state.group_count - 1] >= plan.users->gid_count)
    return FailWith(ERANGE, Step::kGroup, plan.user.group);
  return {};
}

Outcome FindUser(const User& user, State& state, Account& account) noexcept {
  bool numeric = !*user.user || AllDigits(user.user);
  if (*user.user && numeric) INIT_TRY(ParseId(user.user, Step::kUser, account.uid));
  uint32_t uid = account.uid;
  INIT_TRY(FindAccount(state, numeric ? "" : user.user, uid, account));
  if (!numeric && !account.found) return FailWith(ENOENT, Step::kUser, user.user);
  return {};
}

Outcome FindGroups(const User& user, State& state, const Account& account) noexcept {
  GroupSearch search;
  bool numeric = AllDigits(user.group);
  if (*user.group && !numeric) search.wanted = user.group;
  if (!user.strict) search.member = account.name;
  if (*search.wanted || *search.member) INIT_TRY(SearchGroups(state, search));
  state.gid = account.gid;
  if (numeric) INIT_TRY(ParseId(user.group, Step::kGroup, state.gid));
  if (*search.wanted) {
    if (!search.found) return FailWith(ENOENT, Step::kGroup, user.group);
    state.gid = search.gid;
  }
  INIT_TRY(AddGroup(state, state.gid));
  for (uint32_t gid : user.supplemental) INIT_TRY(AddGroup(state, gid));
  return {};
}

}  // namespace

Outcome LookUpUser(const Plan& plan, State& state) noexcept {
  strcpy(state.home, "HOME=/");
  Account account;
  if (!plan.user.resolved) {
    INIT_TRY(FindUser(plan.user, state, account));
    state.uid = account.uid;
    INIT_TRY(FindGroups(plan.user, state, account));
  } else {
    state.uid = plan.user.uid;
    state.gid = plan.user.gid;
    for (uint32_t gid : plan.user.groups) INIT_TRY(AddGroup(state, gid));
    if (plan.home_slot >= 0) INIT_TRY(FindAccount(state, "", state.uid, account));
  }
  if (plan.home_slot >= 0) plan.env[plan.home_slot] = state.home;
  return CheckMapped(plan, state);
}

}  // namespace cradle::init
