#include "cgroups/systemd.h"

#include <algorithm>
#include <future>

namespace cradle::cgroups {
namespace {

constexpr size_t kStack = 256 << 10;
constexpr milliseconds kBeyond{1'000};  // the thread answers by the deadline; this is for a thread that can't
constexpr char kService[] = "org.freedesktop.systemd1";
constexpr char kObject[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr char kUnitExists[] = "org.freedesktop.systemd1.UnitExists";

Error FromBus(int result, const char* what) { return Error::FromErrno(-result, what).As(Code::kUnavailable); }

}  // namespace

struct Systemd::Call {
  Call(Systemd& self, Scope what, Deadline when) : owner(self), scope(std::move(what)), deadline(when) {}
  // The caller may hold it for longer; nothing comes to it from here on.
  void Close() {
    timer.Cancel();
    if (slot) owner.api_.slot_unref_(std::exchange(slot, nullptr));
  }

  Systemd& owner;
  const Scope scope;
  const Deadline deadline;
  std::promise<Result<>> answer;
  EventLoop::Timer timer;
  Deadline sent{};
  sd_bus_slot* slot = nullptr;  // of the reply: without it no callback comes
};

Result<std::unique_ptr<Systemd>> Systemd::Open(std::string address) {
  SdBus api = TRY(SdBus::Load());
  std::unique_ptr<Systemd> out(new Systemd(api, std::move(address)));
  out->loop_ = TRY(EventLoop::Create());
  out->thread_ = TRY(sys::Thread::Start("systemd", kStack, [loop = out->loop_.get()] { loop->Run(); }));
  return out;
}

Systemd::~Systemd() {
  if (!thread_) return;
  loop_->Post([this] {
    Disconnect(Error(Code::kUnavailable, "systemd: the daemon is ending"));
    loop_->Stop();
  });
  thread_.reset();
}

Result<> Systemd::StartScope(const Scope& scope, Deadline deadline) {
  auto call = std::make_shared<Call>(*this, scope, deadline);
  auto answer = call->answer.get_future();
  loop_->Post([this, call] { Begin(call); });
  if (answer.wait_until(deadline + kBeyond) == std::future_status::ready) return answer.get();
  return Error(Code::kDeadlineExceeded, "systemd: its thread doesn't answer");
}

void Systemd::Begin(const std::shared_ptr<Call>& call) {
  calls_.push_back(call);
  call->timer = loop_->RunAt(call->deadline, [this, raw = call.get()] { Expire(*raw); });
  if (!bus_)
    if (auto connected = Connect(); !connected.ok()) return Finish(*call, std::move(connected));
  if (auto sent = Send(*call); !sent.ok()) return Finish(*call, std::move(sent));
  Pump();
}

Result<> Systemd::Connect() {
  sd_bus* made = nullptr;
  if (int r = api_.new_(&made); r < 0) return FromBus(r, "systemd: sd_bus_new");
  Bus bus(made, Close{api_.close_unref_});
  if (int r = api_.set_address_(made, address_.c_str()); r < 0) return FromBus(r, "systemd: sd_bus_set_address");
  if (int r = api_.set_trusted_(made, 1); r < 0) return FromBus(r, "systemd: sd_bus_set_trusted");
  if (int r = api_.start_(made); r < 0) return FromBus(r, Cat("systemd: connect ", address_).c_str());
  int r = api_.match_signal_(made, nullptr, nullptr, kObject, kManager, "JobRemoved", OnJobRemoved, this);
  if (r < 0) return FromBus(r, "systemd: sd_bus_match_signal");
  watch_ = TRY(loop_->Add(FdRef(api_.get_fd_(made)), EPOLLIN, [this](uint32_t) { Pump(); }));
  bus_ = std::move(bus);
  heard_ = {};
  return {};
}

// StartTransientUnit(name, mode, properties, aux). No text of a container's comes in here: names are ours.
Result<> Systemd::Send(Call& call) {
  sd_bus_message* made = nullptr;
  int r = api_.message_new_method_call_(bus_.get(), &made, kService, kObject, kManager, "StartTransientUnit");
  if (r < 0) return FromBus(r, "systemd: new message");
  std::unique_ptr<sd_bus_message, decltype(api_.message_unref_)> message(made, api_.message_unref_);
  auto add = [&](auto... what) {
    if (r >= 0) r = api_.message_append_(made, what...);
  };
  const Scope& scope = call.scope;
  add("ss", scope.unit.c_str(), "fail");
  if (r >= 0) r = api_.message_open_container_(made, 'a', "(sv)");
  add("(sv)", "Description", "s", scope.description.c_str());
  add("(sv)", "Slice", "s", scope.slice.c_str());
  add("(sv)", "PIDs", "au", 1, static_cast<uint32_t>(scope.pid));
  add("(sv)", "Delegate", "b", 1);
  // Pods end by the kubelet's hand, not by the order of a shutdown; a failed scope leaves no unit behind; how many
  // tasks there may be is the slice's business.
  add("(sv)", "DefaultDependencies", "b", 0);
  add("(sv)", "CollectMode", "s", "inactive-or-failed");
  add("(sv)", "TasksMax", "t", UINT64_MAX);
  if (r >= 0) r = api_.message_close_container_(made);
  add("a(sa(sv))", 0);
  if (r >= 0) r = api_.call_async_(bus_.get(), &call.slot, made, OnReply, &call, UINT64_MAX);
  if (r < 0) return FromBus(r, "systemd: send");
  call.sent = std::chrono::steady_clock::now();
  return {};
}

// Works on what there is to read and write, then waits for what sd-bus waits for.
void Systemd::Pump() {
  for (int r = 1; r != 0;) {
    r = api_.process_(bus_.get(), nullptr);
    if (r < 0) return Disconnect(FromBus(r, "systemd: the connection broke"));
  }
  // EPOLLIN and EPOLLOUT are POLLIN and POLLOUT.
  watch_.SetEvents(static_cast<uint32_t>(std::max(api_.get_events_(bus_.get()), 0)));
  uint64_t when = UINT64_MAX;
  timer_ = {};
  if (api_.get_timeout_(bus_.get(), &when) > 0 && when != UINT64_MAX)
    timer_ = loop_->RunAt(Deadline(std::chrono::microseconds(when)), [this] { Pump(); });
}

void Systemd::Finish(Call& call, Result<> result) {
  call.Close();
  call.answer.set_value(std::move(result));
  calls_.remove_if([&](const auto& one) { return one.get() == &call; });
}

void Systemd::Expire(Call& call) {
  bool silent = heard_ < call.sent;
  Finish(call, Error(Code::kDeadlineExceeded, Cat("systemd: no answer in time for ", call.scope.unit)));
  if (silent) Disconnect(Error(Code::kUnavailable, "systemd: it says nothing; the connection is given up"));
}

void Systemd::Disconnect(const Error& why) {
  watch_.Reset();
  timer_ = {};
  while (!calls_.empty()) Finish(*calls_.front(), why);
  bus_.reset();
}

int Systemd::OnReply(sd_bus_message* message, void* data, sd_bus_error*) {
  Call& call = *static_cast<Call*>(data);
  Systemd& self = call.owner;
  self.heard_ = std::chrono::steady_clock::now();
  const sd_bus_error* error = self.api_.message_get_error_(message);
  if (!error) return 0;  // it is a job now; JobRemoved tells its end
  Code code = error->name == std::string_view(kUnitExists) ? Code::kAlreadyExists : Code::kUnavailable;
  self.Finish(call, Error(code, Cat("systemd: start ", call.scope.unit, ": ", error->message ? error->message : error->name)));
  return 0;
}

int Systemd::OnJobRemoved(sd_bus_message* message, void* data, sd_bus_error*) {
  Systemd& self = *static_cast<Systemd*>(data);
  self.heard_ = std::chrono::steady_clock::now();
  uint32_t id = 0;
  const char *job = nullptr, *unit = nullptr, *result = nullptr;
  if (self.api_.message_read_(message, "uoss", &id, &job, &unit, &result) < 0) return 0;
  auto call = std::find_if(self.calls_.begin(), self.calls_.end(),
                           [&](const auto& one) { return one->scope.unit == unit; });
  if (call == self.calls_.end()) return 0;
  bool done = result == std::string_view("done");
  self.Finish(**call, done ? Result<>() : Internal(Cat("systemd: start ", unit, ": ", result)));
  return 0;
}

}  // namespace cradle::cgroups
