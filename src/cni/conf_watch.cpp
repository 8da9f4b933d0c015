#include "cni/conf_watch.h"

#include <poll.h>
#include <sys/inotify.h>

#include <cstring>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::cni {
namespace {

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr milliseconds kForever{24 * 3600 * 1000};
constexpr milliseconds kLookAgain{5'000};

// The watches of one moment. A directory above a watched one matters only for the name that leads
// down.
class Watches {
 public:
  // Made anew after every change: a path may lead to another directory now.
  static Result<Watches> Arm(const std::vector<std::string>& dirs) {
    Watches out(TRY(sys::InotifyInit()));
    for (const std::string& dir : dirs) {
      out.Add(dir, "");
      for (size_t slash = dir.rfind('/'); slash != dir.npos && dir.size() > 1;
           slash = dir.rfind('/', slash - 1)) {
        std::string name = dir.substr(slash + 1, dir.find('/', slash + 1) - slash - 1);
        out.Add(slash == 0 ? "/" : dir.substr(0, slash), name);
        if (slash == 0) break;
      }
    }
    return out;
  }
  FdRef fd() const { return fd_; }

  // Takes what has come; true when any of it matters.
  bool Take() {
    alignas(inotify_event) char buffer[16 << 10];
    bool matters = false;
    for (;;) {
      auto size = sys::Read(fd_, buffer, sizeof buffer);
      if (!size.ok() || *size == 0) return matters;
      for (size_t at = 0; at + sizeof(inotify_event) <= *size;) {
        inotify_event event;
        std::memcpy(&event, buffer + at, sizeof event);
        matters = matters || Matters(event, event.len ? buffer + at + sizeof event : "");
        at += sizeof event + event.len;
      }
    }
  }

 private:
  explicit Watches(UniqueFd fd) : fd_(std::move(fd)) {}

  void Add(const std::string& path, const std::string& name) {
    auto watch = sys::InotifyAddWatch(fd_, path, kEvents | IN_ONLYDIR);
    if (watch.ok())
      names_[*watch].insert(name);  // else it isn't there: the one above tells when it comes
  }
  bool Matters(const inotify_event& event, const std::string& name) const {
    if (event.mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) return true;
    auto at = names_.find(event.wd);
    return at != names_.end() && (at->second.contains("") || at->second.contains(name));
  }

  UniqueFd fd_;
  std::map<int, std::set<std::string>> names_;  // what matters in each; "": everything
};

}  // namespace

Result<std::unique_ptr<ConfWatch>> ConfWatch::Start(std::vector<std::string> dirs,
                                                    std::function<void()> changed) {
  UniqueFd wake = TRY(sys::EventfdCreate());
  std::unique_ptr<ConfWatch> out(new ConfWatch(std::move(dirs), std::move(changed), std::move(wake)));
  out->thread_ =
      TRY(sys::Thread::Start("cni-conf", 512 << 10, [watch = out.get()] { watch->Loop(); }));
  return out;
}

ConfWatch::ConfWatch(std::vector<std::string> dirs, std::function<void()> changed, UniqueFd wake)
    : dirs_(std::move(dirs)), changed_(std::move(changed)), wake_(std::move(wake)) {}

ConfWatch::~ConfWatch() {
  stop_ = true;
  Ask();
  thread_.reset();
}

void ConfWatch::Ask() { sys::EventfdSignal(wake_); }

void ConfWatch::Loop() {
  while (!stop_) {
    // First the watches, then the look: what changes in between is seen by one of the two.
    auto watches = Watches::Arm(dirs_);
    changed_();
    for (bool again = false; !again && !stop_;) {
      pollfd waited[2] = {{wake_.get(), POLLIN, 0},
                          {watches.ok() ? watches->fd().get() : -1, POLLIN, 0}};
      auto woken = sys::Poll(waited, After(watches.ok() ? kForever : kLookAgain));
      if (waited[0].revents) sys::EventfdDrain(wake_);
      again = !woken.ok() || waited[0].revents || (watches.ok() ? watches->Take() : true);
    }
  }
}

}  // namespace cradle::cni
