#include "base/sys/thread.h"

#include "base/sys/process.h"

namespace cradle::sys {

Result<std::unique_ptr<Thread>> Thread::Start(const char* name, size_t stack_bytes,
                                              std::function<void()> body) {
  std::unique_ptr<Thread> thread(new Thread(name, std::move(body)));
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stack_bytes);
  int failed = ::pthread_create(&thread->thread_, &attributes, &Thread::Enter, thread.get());
  ::pthread_attr_destroy(&attributes);
  if (failed) {
    thread->thread_ = {};
    return Error::FromErrno(failed, "pthread_create");
  }
  return thread;
}

void* Thread::Enter(void* self) {
  auto* thread = static_cast<Thread*>(self);
  (void)SetThreadName(thread->name_);
  thread->body_();
  return nullptr;
}

Thread::~Thread() {
  if (thread_ != pthread_t{}) ::pthread_join(thread_, nullptr);
}

}  // namespace cradle::sys
