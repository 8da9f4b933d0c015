#include "base/sys/thread.h"

#include "base/sys/process.h"

namespace cradle::sys {

Result<std::unique_ptr<Thread>> Thread::Start(const char* name, size_t stack_bytes,
                                              std::function<void()> body) {
  std::unique_ptr<Thread> thread(new Thread(name, std::move(body)));
  TRYV(thread->Create(stack_bytes, PTHREAD_CREATE_JOINABLE, [](void* self) -> void* {
    static_cast<Thread*>(self)->Enter();
    return nullptr;
  }));
  return thread;
}

Result<> Thread::Detach(const char* name, size_t stack_bytes, std::function<void()> body) {
  std::unique_ptr<Thread> thread(new Thread(name, std::move(body)));
  TRYV(thread->Create(stack_bytes, PTHREAD_CREATE_DETACHED, [](void* self) -> void* {
    std::unique_ptr<Thread> own(static_cast<Thread*>(self));
    own->Enter();
    return nullptr;
  }));
  (void)thread.release();  // the thread's own
  return {};
}

Result<> Thread::Create(size_t stack_bytes, int detach_state, void* (*enter)(void*)) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stack_bytes);
  ::pthread_attr_setdetachstate(&attributes, detach_state);
  pthread_t created{};
  int failed = ::pthread_create(&created, &attributes, enter, this);
  ::pthread_attr_destroy(&attributes);
  if (failed) return Error::FromErrno(failed, "pthread_create");
  if (detach_state == PTHREAD_CREATE_JOINABLE) thread_ = created;
  return {};
}

void Thread::Enter() {
  (void)SetThreadName(name_);
  body_();
}

Thread::~Thread() {
  if (thread_ != pthread_t{}) ::pthread_join(thread_, nullptr);
}

}  // namespace cradle::sys
