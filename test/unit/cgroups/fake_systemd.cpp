#include "fake_systemd.h"

#include <sys/socket.h>

#include <future>

#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::cgroups {
namespace {

constexpr char kManager[] = "org.freedesktop.systemd1.Manager";

// The next property as " Name=value".
std::string ReadProperty(sd_bus_message* message) {
  const char *name = nullptr, *contents = nullptr;
  char type = 0;
  std::string value = "?";
  sd_bus_message_enter_container(message, 'r', "sv");
  sd_bus_message_read(message, "s", &name);
  sd_bus_message_peek_type(message, &type, &contents);
  std::string kind = contents;
  sd_bus_message_enter_container(message, 'v', contents);
  if (kind == "s") {
    const char* text = nullptr;
    sd_bus_message_read(message, "s", &text);
    value = text;
  } else if (kind == "b") {
    int flag = 0;
    sd_bus_message_read(message, "b", &flag);
    value = flag ? "yes" : "no";
  } else if (kind == "t") {
    uint64_t number = 0;
    sd_bus_message_read(message, "t", &number);
    value = std::to_string(number);
  } else if (kind == "au") {
    uint32_t pid = 0;
    sd_bus_message_read(message, "au", 1, &pid);
    value = std::to_string(pid);
  }
  sd_bus_message_exit_container(message);
  sd_bus_message_exit_container(message);
  return Cat(" ", name, "=", value);
}

}  // namespace

FakeSystemd::Peer::~Peer() {
  watch.Reset();
  sd_bus_close_unref(bus);
}

FakeSystemd::FakeSystemd(std::string socket)
    : socket_(std::move(socket)),
      loop_(*EventLoop::Create()),
      listener_(*sys::ListenUnix(socket_, SOCK_STREAM, 16)),
      accepting_(*loop_->Add(listener_, EPOLLIN, [this](uint32_t) { Accept(); })),
      thread_(*sys::Thread::Start("fake-systemd", 1 << 20, [this] { loop_->Run(); })) {}

FakeSystemd::~FakeSystemd() {
  loop_->Stop();
  thread_.reset();
  peers_.clear();
  (void)sys::RemoveFile(kCwd, socket_).ok();
}

void FakeSystemd::SetMood(Mood mood) {
  std::promise<void> done;
  loop_->Post([&] {
    mood_ = mood;
    for (size_t i = peers_.size(); i-- > 0;) Pump(*peers_[i]);
    done.set_value();
  });
  done.get_future().wait();
}

std::vector<std::string> FakeSystemd::Calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

void FakeSystemd::Accept() {
  auto fd = sys::Accept(listener_, SOCK_NONBLOCK);
  if (!fd.ok()) return;
  ++connections_;
  auto peer = std::make_unique<Peer>();
  peer->owner = this;
  sd_bus_new(&peer->bus);
  int number = fd->Release();  // the bus owns it
  sd_bus_set_fd(peer->bus, number, number);
  sd_id128_t id;
  sd_id128_randomize(&id);
  sd_bus_set_server(peer->bus, 1, id);
  sd_bus_set_trusted(peer->bus, 1);
  sd_bus_start(peer->bus);
  sd_bus_add_filter(peer->bus, nullptr, OnMessage, peer.get());
  Peer& added = *peers_.emplace_back(std::move(peer));
  added.watch = *loop_->Add(FdRef(number), 0, [this, &added](uint32_t events) {
    if (mood_ != Mood::kHanging) return Pump(added);
    if (events & (EPOLLHUP | EPOLLERR)) Drop(added);
  });
  Pump(added);
}

void FakeSystemd::Drop(Peer& peer) {
  std::erase_if(peers_, [&](const auto& one) { return one.get() == &peer; });
}

void FakeSystemd::Pump(Peer& peer) {
  if (mood_ == Mood::kHanging) return peer.watch.SetEvents(0);
  int r = 1;
  while (r > 0) r = sd_bus_process(peer.bus, nullptr);
  if (r < 0) return Drop(peer);
  peer.watch.SetEvents(static_cast<uint32_t>(sd_bus_get_events(peer.bus)));
}

int FakeSystemd::OnMessage(sd_bus_message* message, void* data, sd_bus_error*) {
  Peer& peer = *static_cast<Peer*>(data);
  if (sd_bus_message_is_method_call(message, kManager, "StartTransientUnit") <= 0) return 0;
  return peer.owner->StartUnit(peer, message);
}

int FakeSystemd::StartUnit(Peer& peer, sd_bus_message* message) {
  const char *name = nullptr, *mode = nullptr;
  sd_bus_message_read(message, "ss", &name, &mode);
  std::string call = name;
  sd_bus_message_enter_container(message, 'a', "(sv)");
  while (sd_bus_message_at_end(message, 0) == 0) call += ReadProperty(message);
  {
    std::lock_guard lock(mutex_);
    calls_.push_back(call);
  }
  if (mood_ == Mood::kRefusing)
    return sd_bus_reply_method_errorf(message, "org.freedesktop.systemd1.UnitExists",
                                      "Unit %s already exists.", name);
  sd_bus_reply_method_return(message, "o", "/org/freedesktop/systemd1/job/7");
  sd_bus_emit_signal(peer.bus, "/org/freedesktop/systemd1", kManager, "JobRemoved", "uoss", 7,
                     "/org/freedesktop/systemd1/job/7", name,
                     mood_ == Mood::kFailingJobs ? "failed" : "done");
  return 1;
}

}  // namespace cradle::cgroups
