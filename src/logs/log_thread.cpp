#include "logs/log_thread.h"

#include <utility>

namespace cradle::logs {

constexpr size_t kStack = 64 * 1024;

Result<std::unique_ptr<LogThread>> LogThread::Start(EventLoop& owner, Journal::Parts parts) {
  std::unique_ptr<LogThread> log(new LogThread(owner));
  log->loop_ = TRY(EventLoop::Create());
  log->journal_ = TRY(Journal::Open(std::move(parts)));
  log->thread_ = TRY(sys::Thread::Start("log", kStack, [loop = log->loop_.get()] { loop->Run(); }));
  return log;
}

LogThread::~LogThread() {
  if (loop_) loop_->Stop();
  thread_.reset();
}

void LogThread::ForgetBegun() {
  loop_->Post([this] {
    (void)journal_.Resume().ok();
    journal_.End();
  });
}

void LogThread::Open(std::shared_ptr<Pump> pump, std::string path, Done done) {
  loop_->Post([this, pump = std::move(pump), path = std::move(path), done = std::move(done)] {
    auto opened = std::make_shared<Result<>>(pump->Open(*loop_, journal_, path));
    owner_.Post([opened, done] { done(std::move(*opened)); });
  });
}

void LogThread::Reopen(std::shared_ptr<Pump> pump, Done done) {
  loop_->Post([this, pump = std::move(pump), done = std::move(done)] {
    auto reopened = std::make_shared<Result<>>(pump->Reopen());
    owner_.Post([reopened, done] { done(std::move(*reopened)); });
  });
}

void LogThread::AddTap(std::shared_ptr<Pump> pump, std::shared_ptr<Tap> tap) {
  loop_->Post([pump = std::move(pump), tap = std::move(tap)] { pump->AddTap(tap); });
}

void LogThread::RemoveTap(std::shared_ptr<Pump> pump, std::shared_ptr<Tap> tap) {
  loop_->Post([pump = std::move(pump), tap = std::move(tap)] { pump->RemoveTap(tap.get()); });
}

void LogThread::Finish(std::shared_ptr<Pump> pump, milliseconds grace,
                       std::function<void(uint64_t)> done) {
  loop_->Post([this, pump = std::move(pump), grace, done = std::move(done)] {
    // `pump` is kept by its own callback until that has run.
    pump->Finish(After(grace), [this, pump, done](uint64_t lost) {
      owner_.Post([lost, done] { done(lost); });
    });
  });
}

}  // namespace cradle::logs
