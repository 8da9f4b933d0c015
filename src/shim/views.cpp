#include "shim/views.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mount.h>

#include <utility>
#include <vector>

#include "base/sys/file.h"
#include "base/sys/mount.h"

namespace cradle::shim {
namespace {

using std::chrono::steady_clock;

constexpr int kAtOnce = 8;
constexpr seconds kRest{1};

}  // namespace

Views::Views(Means means, cgroups::FigurePlaces places)
    : means_(means),
      view_(cgroups::Figures::Open(std::move(places), files_), files_),
      server_([this](lxcfs::File file) { return view_.Render(file); }) {}

Result<std::unique_ptr<Views>> Views::Open(Means means, const std::string& container, const std::string& label,
                                           cgroups::FigurePlaces places) {
  std::unique_ptr<Views> views(new Views(means, std::move(places)));
  views->connection_ = TRY(sys::OpenAt(kCwd, "/dev/fuse", O_RDWR | O_NONBLOCK).With("proc views"));
  // default_permissions: without it an open wouldn't ask for the size.
  std::vector<std::pair<std::string, std::string>> options = {{"source", Cat("cradle:", container)},
                                                              {"subtype", "cradle"},
                                                              {"fd", std::to_string(views->connection_.get())},
                                                              {"rootmode", "40000"},
                                                              {"user_id", "0"},
                                                              {"group_id", "0"},
                                                              {"allow_other", ""},
                                                              {"default_permissions", ""},
                                                              {"ro", ""}};
  if (!label.empty()) options.emplace_back("context", label);
  views->mount_ = TRY(sys::FsMount("fuse", options,
                                   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
                          .With("proc views"));
  TRYV(views->Serve());
  return views;
}

Result<std::unique_ptr<Views>> Views::Resume(Means means, UniqueFd connection, cgroups::FigurePlaces places) {
  std::unique_ptr<Views> views(new Views(means, std::move(places)));
  views->connection_ = std::move(connection);
  TRYV(views->Serve());
  return views;
}

Result<> Views::Serve() {
  device_ = TRY(sys::CloneFuse(connection_).With("proc views"));
  watch_ = TRY(means_.loop.Add(device_, EPOLLIN, [this](uint32_t) { OnRequests(); }));
  return {};
}

// Few at a time: the loop has others to look after. Who was answered mostly has its next request there at once: an
// open+read+close is five of them.
void Views::OnRequests() {
  for (int i = 0; i < kAtOnce && AnswerNext(); ++i) {
  }
}

// False: there is no further one, or not now.
bool Views::AnswerNext() {
  Deadline began = steady_clock::now();
  char* request = means_.scratch.data();
  auto size = sys::Read(device_, request, lxcfs::FuseServer::kRequestSize);
  if (!size.ok()) {
    int err = size.error().err();
    // EAGAIN: there is none; ENOENT: who asked gave up while it was being read. Anything else, ENODEV mostly, is the end.
    if (err == EAGAIN || err == ENOENT) return false;
    watch_.Reset();
    device_.Reset();
    connection_.Reset();
    return false;
  }
  share_.Begin(began);
  char* answer = request + lxcfs::FuseServer::kRequestSize;
  if (size_t due = server_.Handle({request, *size}, began, answer))
    (void)sys::Write(device_, answer, due);  // who asked may be gone
  last_request_ = began;
  if (std::exchange(resting_, false)) RestLater();
  auto next = share_.End(steady_clock::now());
  if (!next) return true;
  watch_.SetEvents(0);
  resume_ = means_.loop.RunAt(*next, [this] { watch_.SetEvents(EPOLLIN); });
  return false;
}

// A second after the last request its memory goes back to the kernel: one wake-up, then none. While there are requests it
// comes every second or two.
void Views::RestLater() {
  rest_ = means_.loop.RunAt(last_request_ + kRest, [this] {
    files_.LookAgain();
    if (last_request_ + kRest > steady_clock::now()) return RestLater();
    resting_ = true;
    server_.Rest();
    files_.LetGo();
    means_.scratch.Release(0, means_.scratch.size());
    ::malloc_trim(0);
  });
}

}  // namespace cradle::shim
